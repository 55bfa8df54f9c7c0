"""
A small Jupyter kernel, in the place of IJulia where the Julia package server can't be reached.

It is installed and started exactly as IJulia is; of IJulia's own code nothing is tested by it.
"""
module KernelStandin

using Base64, Dates, REPL, SHA, UUIDs

include("JSON.jl")
include("ZMQ.jl")

const DELIMITER = Vector{UInt8}("<IDS|MSG>")
const RICH = ("text/html", "image/svg+xml", "image/png")
# What ends the output of a cell in the pipes that programs print to.
const MARK = "\0end of cell\0"

struct Message
    identities::Vector{Vector{UInt8}}
    header::Dict{String,Any}
    content::Dict{String,Any}
end

struct NotebookDisplay <: AbstractDisplay end

key = UInt8[]
session = ""
iopub = ZMQ.Socket(C_NULL)
parent = Message([], Dict(), Dict())
executions = 0
busy = false
requests = nothing
drained = nothing

"""
    run_kernel()

Serve the connection file that the first argument names, until told to shut down.
"""
function run_kernel()
    connection = JSON.parse(read(ARGS[1], String))
    global key = Vector{UInt8}(connection["key"])
    global session = string(uuid4())
    global drained = Channel{Nothing}(2)
    context = ZMQ.context()
    address(name) = "$(connection["transport"])://$(connection["ip"]):$(connection[name])"
    ZMQ.start_echo(ZMQ.bound(context, ZMQ.ROUTER, address("hb_port")))
    ZMQ.bound(context, ZMQ.ROUTER, address("stdin_port"))
    global iopub = ZMQ.bound(context, ZMQ.PUB, address("iopub_port"))
    shell = ZMQ.bound(context, ZMQ.ROUTER, address("shell_port"))
    control = ZMQ.bound(context, ZMQ.ROUTER, address("control_port"))
    pushdisplay(NotebookDisplay())
    @async forwarding_interrupts(() -> pump("stdout", redirect_stdout()[1]))
    @async forwarding_interrupts(() -> pump("stderr", redirect_stderr()[1]))
    @async forwarding_interrupts(() -> serve(control))
    global requests = @async ignoring_interrupts(() -> serve(shell))
    forwarding_interrupts(() -> wait(requests))
end

# A signal reaches whichever task waited last; the cell is meant.
function forwarding_interrupts(run)
    while true
        try
            return run()
        catch problem
            problem isa InterruptException || rethrow()
            interrupt()
        end
    end
end

# Where no cell runs any more, there is nothing to interrupt.
function ignoring_interrupts(run)
    while true
        try
            run()
        catch problem
            problem isa InterruptException || rethrow()
        end
    end
end

function interrupt()
    busy && @async Base.throwto(requests, InterruptException())
end

function serve(socket::ZMQ.Socket)
    while true
        ZMQ.wait_readable(socket)
        answer(socket, receive(socket))
    end
end

# --- messages -------------------------------------------------------------------------------------

signature(parts) = bytes2hex(hmac_sha256(key, vcat(parts...)))

function receive(socket::ZMQ.Socket)
    parts = ZMQ.receive(socket)
    place = findfirst(==(DELIMITER), parts)
    signed = parts[place+2:place+5]
    String(copy(parts[place+1])) == signature(signed) || error("a message with a wrong signature")
    header, _, _, content = [JSON.parse(String(copy(part))) for part in signed]
    return Message(parts[1:place-1], header, content)
end

function send(socket::ZMQ.Socket, kind::String, content, to::Message, identities = to.identities)
    header = (
        msg_id = string(uuid4()), msg_type = kind, session = session, username = get(ENV, "USER", ""),
        version = "5.3", date = string(now(UTC), "Z"),
    )
    parts = [Vector{UInt8}(JSON.text(part)) for part in (header, to.header, Dict(), content)]
    ZMQ.send(socket, [identities..., DELIMITER, Vector{UInt8}(signature(parts)), parts...])
end

publish(kind::String, content, to::Message = parent) = send(iopub, kind, content, to, [Vector{UInt8}(kind)])

function answer(socket::ZMQ.Socket, message::Message)
    kind = message.header["msg_type"]
    publish("status", (execution_state = "busy",), message)
    reply = if kind == "execute_request"
        execute(message)
    elseif kind == "shutdown_request"
        (status = "ok", restart = message.content["restart"])
    else
        look_up(Val(Symbol(kind)), message.content)
    end
    reply === nothing || send(socket, replace(kind, "_request" => "_reply"), reply, message)
    publish("status", (execution_state = "idle",), message)
    # Some time for what was sent to leave.
    kind == "shutdown_request" && (sleep(0.2); exit(0))
end

look_up(::Val, content) = nothing

look_up(::Val{:kernel_info_request}, content) = (
    status = "ok", protocol_version = "5.3", implementation = "KernelStandin", implementation_version = "0.1.0",
    banner = "Julia $VERSION", help_links = (),
    language_info = (
        name = "julia", version = string(VERSION), mimetype = "application/julia", file_extension = ".jl",
    ),
)

look_up(::Val{:interrupt_request}, content) = (interrupt(); (status = "ok",))
look_up(::Val{:comm_info_request}, content) = (status = "ok", comms = Dict())
look_up(::Val{:history_request}, content) = (status = "ok", history = ())
look_up(::Val{:inspect_request}, content) = (status = "ok", found = false, data = Dict(), metadata = Dict())

function look_up(::Val{:is_complete_request}, content)
    parsed = Base.parse_input_line(content["code"])
    Meta.isexpr(parsed, :incomplete) && return (status = "incomplete", indent = "")
    return (status = Meta.isexpr(parsed, :error) ? "invalid" : "complete",)
end

function look_up(::Val{:complete_request}, content)
    code, cursor = content["code"], content["cursor_pos"]
    found, range, _ = REPL.REPLCompletions.completions(code, cursor == 0 ? 0 : nextind(code, 0, cursor), Main)
    first_place = isempty(range) ? cursor : length(code, 1, first(range)) - 1
    matches = [REPL.REPLCompletions.completion_text(one) for one in found]
    return (status = "ok", matches = matches, cursor_start = first_place, cursor_end = cursor, metadata = Dict())
end

# --- cells ----------------------------------------------------------------------------------------

function execute(message::Message)
    code, silent = message.content["code"], message.content["silent"]
    global parent = message
    if !silent
        global executions += 1
        publish("execute_input", (code = code, execution_count = executions))
    end
    result = failure = nothing
    try
        global busy = true
        result = include_string(REPL.softscope, Main, code, "In[$executions]")
        result === nothing || silent || endswith(rstrip(code), ';') || show_result(result)
    catch problem
        failure = describe(problem, catch_backtrace())
    finally
        global busy = false
        drain()
    end
    failure === nothing && return (
        status = "ok", execution_count = executions, user_expressions = Dict(), payload = (),
    )
    publish("error", failure)
    return (status = "error", execution_count = executions, failure...)
end

function show_result(result)
    drain()
    content = (execution_count = executions, data = bundle(result), metadata = Dict())
    publish("execute_result", content)
end

function Base.display(::NotebookDisplay, shown)
    publish("display_data", (data = bundle(shown), metadata = Dict()))
end

function bundle(shown)
    data = Dict("text/plain" => rendered("text/plain", shown))
    for kind in RICH
        if Base.invokelatest(showable, kind, shown)
            data[kind] = rendered(kind, shown)
        end
    end
    return data
end

function rendered(kind::String, shown)
    bytes = Base.invokelatest(repr, MIME(kind), shown; context = :limit => true)
    return bytes isa String ? bytes : base64encode(bytes)
end

function describe(problem, trace)
    inner = problem isa LoadError ? problem.error : problem
    value = sprint((io, one) -> Base.invokelatest(showerror, io, one), inner)
    lines = split(sprint((io, one) -> Base.invokelatest(showerror, io, one, trace), inner), '\n')
    return (ename = string(nameof(typeof(inner))), evalue = value, traceback = lines)
end

# --- what cells print -----------------------------------------------------------------------------

function pump(name::String, pipe)
    held = ""
    while !eof(pipe)
        held *= String(readavailable(pipe))
        while (found = findfirst(MARK, held)) !== nothing
            tell(name, SubString(held, 1, prevind(held, first(found))))
            held = held[nextind(held, last(found)):end]
            put!(drained, nothing)
        end
        # The mark may have arrived in part.
        start = findfirst('\0', held)
        whole = start === nothing ? lastindex(held) : prevind(held, start)
        tell(name, SubString(held, 1, whole))
        held = held[nextind(held, whole):end]
    end
end

tell(name::String, text) = isempty(text) || publish("stream", (name = name, text = text))

# Wait until all that was printed is on its way.
function drain()
    Libc.flush_cstdio()
    for stream in (stdout, stderr)
        print(stream, MARK)
        flush(stream)
    end
    take!(drained)
    take!(drained)
end

end
