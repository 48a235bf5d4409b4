"""Why a command can't listen on an address, for people."""

import errno
import socket


def reason(error: OSError, host: str, port: int) -> str:
    """The line for a failed attempt to listen, with a port that would work where the port is the problem."""
    return f"can't listen on {host} port {port}: {_why(error, host, port)}"


def _why(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"{host} is not the name of an address: {error.strerror}"
    match error.errno:
        case errno.EADDRINUSE:
            other = f", or --port {port + 1}" if _is_free(host, port + 1) else ""
            return f"the port is in use; use --port 0 for any free port{other}"
        case errno.EACCES if port < 1024:
            return "there is no permission for ports below 1024; use --port 0 for any free port"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address"
    return error.strerror or str(error)


def _is_free(host: str, port: int) -> bool:
    if port > 65535:
        return False
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen()
        except OSError:
            return False
    return True
