"""How a kernel starts: apart from the network and the name of the machine, where a process may do that without rights.

It runs in the new process before anything else, as text: nothing of the package can be imported there. The process
becomes a kernel, or imports what notebooks import and becomes one in a fork of itself whenever it is asked to.
"""

import contextlib
import ctypes
import fcntl
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import NoReturn

NEW_NETWORK, NEW_NAME, NEW_USER = 0x40000000, 0x04000000, 0x10000000  # of unshare(2)
SET_FLAGS, UP = 0x8914, 1  # of netdevice(7)
DIE_WITH_PARENT = 1  # of prctl(2)


def part(host: str, namespaces: int) -> bool:
    """Leave the machine's network and name, but for the loopback device; tell whether it could be done."""
    user, group = os.getuid(), os.getgid()
    try:
        if ctypes.CDLL(None).unshare(namespaces):
            return False
        if namespaces & NEW_USER:
            for file, line in [
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ]:
                Path("/proc/self", file).write_text(line)
        socket.sethostname(host)
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    except (OSError, AttributeError):
        return False
    return True


def can_part(host: str, namespaces: int) -> bool:
    """Try it in a child: half of it cannot be taken back."""
    child = os.fork()
    if not child:
        os._exit(0 if part(host, namespaces) else 1)
    return os.waitpid(child, 0)[1] == 0


def leave_machine(host: str) -> None:
    for namespaces in (NEW_NETWORK | NEW_NAME, NEW_NETWORK | NEW_NAME | NEW_USER):
        if can_part(host, namespaces):
            part(host, namespaces)
            break


def become_kernel(arguments: list[str]) -> None:
    sys.argv = ["ipykernel_launcher", *arguments]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


def begin_anew(host: str, folder: str, environment: dict[str, str]) -> None:
    """Let nothing of the process that was forked reach the fork, but for the modules."""
    os.setsid()
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if host:
        part(host, NEW_NETWORK | NEW_NAME)  # where the process has left the machine, its forks may leave each other
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))  # as Jupyter does when it starts a kernel
    time.tzset()


def of_another_user(connection: socket.socket) -> bool:
    """Tell whether another user asks: a name that is no file keeps nobody out."""
    _, user, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return user != os.getuid()


def end_all(kernels: list[int]) -> None:
    for kernel in kernels:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(kernel, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def serve(host: str, listener: socket.socket, begin: str, modules: list[str]) -> NoReturn:
    """Answer each request with the number of a fork that becomes a kernel, until stdin ends; import at the first."""
    if host:
        leave_machine(host)
    exec(begin, {})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    kernels: list[int] = []  # file descriptors of processes
    while sys.stdin not in (ready := select.select([listener, sys.stdin, *kernels], [], [])[0]):
        for kernel in {*kernels} & {*ready}:
            kernels.remove(kernel)
            os.close(kernel)
        if listener not in ready:
            continue
        connection, _ = listener.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as stream:
            if of_another_user(connection) or not (asked := stream.readline()):
                continue
            request = json.loads(asked)
            for module in modules:
                importlib.import_module(module)
            child = os.fork() if request else None
            if child:
                kernels.append(os.pidfd_open(child))
                stream.write(str(child))
        if child == 0:
            listener.close()
            for kernel in kernels:
                os.close(kernel)
            begin_anew(host, request["folder"], request["environment"])
            become_kernel(request["arguments"])
            os._exit(0)
    end_all(kernels)
    os._exit(0)


def main(host: str, *arguments: str) -> None:
    if arguments[0] == "serve":
        serve(host, socket.socket(fileno=int(arguments[1])), arguments[2], [*arguments[3:]])
    leave_machine(host)
    become_kernel([*arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
