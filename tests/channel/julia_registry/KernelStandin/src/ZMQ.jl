# As much of ZeroMQ as a kernel needs, by calls to the library that comes with this Julia.
module ZMQ

const libzmq = "libzmq.so.5"
const ROUTER, PUB, REP = 6, 1, 4
const SNDMORE, DONTWAIT = 2, 1
const RCVMORE, EVENTS, LINGER = 13, 15, 17
const POLLIN = 1

struct Socket
    handle::Ptr{Cvoid}
end

context() = ccall((:zmq_ctx_new, libzmq), Ptr{Cvoid}, ())

function bound(context::Ptr{Cvoid}, kind::Integer, address::AbstractString)
    handle = ccall((:zmq_socket, libzmq), Ptr{Cvoid}, (Ptr{Cvoid}, Cint), context, kind)
    socket = Socket(handle)
    ccall((:zmq_setsockopt, libzmq), Cint, (Ptr{Cvoid}, Cint, Ref{Cint}, Csize_t), handle, LINGER, 500, sizeof(Cint))
    code = ccall((:zmq_bind, libzmq), Cint, (Ptr{Cvoid}, Cstring), handle, address)
    code == 0 || error("can't bind $address")
    return socket
end

function option(socket::Socket, name::Integer)
    value, size = Ref{Cint}(0), Ref{Csize_t}(sizeof(Cint))
    ccall((:zmq_getsockopt, libzmq), Cint, (Ptr{Cvoid}, Cint, Ref{Cint}, Ref{Csize_t}), socket.handle, name, value, size)
    return value[]
end

is_readable(socket::Socket) = option(socket, EVENTS) & POLLIN != 0

# Other tasks run meanwhile, and an interrupt gets through.
function wait_readable(socket::Socket)
    while !is_readable(socket)
        sleep(0.01)
    end
end

function receive(socket::Socket)
    parts = Vector{UInt8}[]
    while true
        message = zeros(UInt8, 64)
        ccall((:zmq_msg_init, libzmq), Cint, (Ptr{UInt8},), message)
        size = ccall((:zmq_msg_recv, libzmq), Cint, (Ptr{UInt8}, Ptr{Cvoid}, Cint), message, socket.handle, DONTWAIT)
        size >= 0 || error("nothing to receive")
        data = ccall((:zmq_msg_data, libzmq), Ptr{UInt8}, (Ptr{UInt8},), message)
        push!(parts, copy(unsafe_wrap(Array, data, size)))
        ccall((:zmq_msg_close, libzmq), Cint, (Ptr{UInt8},), message)
        option(socket, RCVMORE) == 0 && return parts
    end
end

function send(socket::Socket, parts::Vector)
    for (place, part) in enumerate(parts)
        flags = place < length(parts) ? SNDMORE : 0
        data = Vector{UInt8}(part)
        size = length(data)
        ccall((:zmq_send, libzmq), Cint, (Ptr{Cvoid}, Ptr{UInt8}, Csize_t, Cint), socket.handle, data, size, flags)
    end
end

# Runs in a thread of its own, and never returns: the answer comes also while a cell computes.
function echo_forever(handle::Ptr{Cvoid})
    ccall((:zmq_proxy, libzmq), Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cvoid}), handle, handle, C_NULL)
    nothing
end

function start_echo(socket::Socket)
    thread = Ref{Int}(0)
    run = @cfunction(echo_forever, Cvoid, (Ptr{Cvoid},))
    ccall(:uv_thread_create, Cint, (Ref{Int}, Ptr{Cvoid}, Ptr{Cvoid}), thread, run, socket.handle)
end

end
