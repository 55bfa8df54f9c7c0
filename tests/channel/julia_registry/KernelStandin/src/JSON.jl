# As much of JSON as Jupyter's messages need.
module JSON

function write(io::IO, text::AbstractString)
    print(io, '"')
    for c in text
        if c == '"' || c == '\\'
            print(io, '\\', c)
        elseif c < ' '
            print(io, "\\u", string(UInt32(c), base = 16, pad = 4))
        else
            print(io, c)
        end
    end
    print(io, '"')
end
write(io::IO, value::Union{Bool,Integer,AbstractFloat}) = print(io, value)
write(io::IO, ::Nothing) = print(io, "null")
write(io::IO, value::Symbol) = write(io, string(value))

function write(io::IO, values::Union{AbstractVector,Tuple})
    print(io, '[')
    for (place, value) in enumerate(values)
        place > 1 && print(io, ',')
        write(io, value)
    end
    print(io, ']')
end

function write(io::IO, values::Union{AbstractDict,NamedTuple})
    print(io, '{')
    for (place, (key, value)) in enumerate(pairs(values))
        place > 1 && print(io, ',')
        write(io, string(key))
        print(io, ':')
        write(io, value)
    end
    print(io, '}')
end

text(value) = sprint(write, value)

parse(text::AbstractString) = value(IOBuffer(text))

function value(io::IO)
    skip_space(io)
    c = peek(io)
    c == UInt8('{') && return object(io)
    c == UInt8('[') && return array(io)
    c == UInt8('"') && return string_value(io)
    word = IOBuffer()
    while !eof(io) && !(Char(peek(io)) in ",]} \n\r\t")
        Base.write(word, read(io, UInt8))
    end
    name = String(take!(word))
    name == "null" && return nothing
    name == "true" && return true
    name == "false" && return false
    whole = tryparse(Int, name)
    return whole === nothing ? Base.parse(Float64, name) : whole
end

peek(io::IO) = Base.peek(io)

function skip_space(io::IO)
    while !eof(io) && Char(peek(io)) in " \n\r\t"
        read(io, UInt8)
    end
end

# What comes between the elements: whether there is one more.
function more(io::IO, last::Char)
    skip_space(io)
    c = Char(peek(io))
    (c == last || c == ',') && read(io, UInt8)
    skip_space(io)
    return c != last
end

function object(io::IO)
    read(io, UInt8)
    found = Dict{String,Any}()
    while more(io, '}')
        key = string_value(io)
        skip_space(io)
        read(io, UInt8)
        found[key] = value(io)
    end
    return found
end

function array(io::IO)
    read(io, UInt8)
    found = Any[]
    while more(io, ']')
        push!(found, value(io))
    end
    return found
end

function string_value(io::IO)
    read(io, UInt8)
    found = IOBuffer()
    while (c = read(io, Char)) != '"'
        print(found, c == '\\' ? escaped(io) : c)
    end
    return String(take!(found))
end

function escaped(io::IO)
    c = read(io, Char)
    c == 'u' || return get(Dict('n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f'), c, c)
    code = Base.parse(UInt32, String(read(io, 4)), base = 16)
    if 0xd800 <= code < 0xdc00
        read(io, 2)
        low = Base.parse(UInt32, String(read(io, 4)), base = 16)
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
    end
    return Char(code)
end

end
