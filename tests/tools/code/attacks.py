"""Code that tries to get out of its isolation. What gets somewhere says "got", or shows a secret.

Before it stands `PRELUDE`, with where things are. Those that may end the process have one to themselves (`ALONE`), the
others are tried in one, one after the other.
"""

from __future__ import annotations

PRELUDE = """
import ctypes, errno, os, signal, socket, struct, subprocess, sys, threading, time
secret, above, port, unix, parent, datagram = {facts!r}
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def opened(fd):
    try:
        return os.fstat(fd) and True
    except OSError:
        return False
"""

#: Tries attacks, and says of each what came of it.
IN_TURN = """
import ast
home, outcomes = os.open(".", os.O_RDONLY), {{}}
def attempt(code):
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value)
    names = dict(globals())
    exec(compile(tree, "attack", "exec"), names)
    return eval(compile(last, "attack", "eval"), names)
for name, code in {attacks!r}.items():
    os.fchdir(home)
    try:
        outcomes[name] = str(attempt(code))
    except Exception as error:
        outcomes[name] = f"{{type(error).__name__}}: {{error}}"
outcomes
"""

ALONE = {
    "files left open",
    "a file left open",
    "a program in its place",
    "a program by its loader",
    "a process by vfork",
    "a signal to the parent",
    "a signal to all",
    "calls of an older machine",
    "calls of another machine",
}

#: Numbers of calls are those of x86-64; elsewhere they are others, and no less forbidden.
ATTACKS: dict[str, str] = {
    # What is in files.
    "a file by its path": "open(secret).read()",
    "a file by the folder above": "open('../secret.txt').read()",
    "a file from an open folder": "os.read(os.open('secret.txt', 0, dir_fd=os.open('..', 0)), 99).decode()",
    "a file from a folder gone up to": "os.chdir('..'); open('secret.txt').read()",
    "a file from the root": "os.chdir('/'); open(secret).read()",
    "a list of the folder above": "os.listdir(above)",
    "the users": "open('/etc/passwd').read()",
    "their passwords": "open('/etc/shadow').read()",
    "a link": "os.symlink(secret, 'link'); open('link').read()",
    "a link to a folder": "os.symlink(above, 'link'); open('link/secret.txt').read()",
    "a hard link": "os.link(secret, 'link'); open('link').read()",
    "a file moved in": "os.rename(secret, 'mine'); open('mine').read()",
    "a file sent": "os.sendfile(1, os.open(secret, os.O_RDONLY), 0, 99)",
    "a handle of a file": "call(304, -100, ctypes.create_string_buffer(128), 0); 'got'",
    "a file mapped": "import mmap; mmap.mmap(os.open(secret, 0), 0, prot=1)[:].decode()",
    "packages of the worker": "import pydantic; 'got'",
    "the code of the worker": f"open({__file__!r}).read(); 'got'",
    "memory of the machine": "open('/dev/mem', 'rb').read(1); 'got'",
    "a disk of the machine": "open('/dev/vda', 'rb').read(1); 'got'",
    # What the worker has.
    "the parent's environment": "open(f'/proc/{os.getppid()}/environ').read(); 'got'",
    "the worker's environment": "open(f'/proc/{parent}/environ').read()",
    "the worker's command line": "open(f'/proc/{parent}/cmdline').read(); 'got'",
    "the worker's files": "os.listdir(f'/proc/{parent}/fd'); 'got'",
    "the worker's memory": "open(f'/proc/{parent}/mem', 'rb'); 'got'",
    "the worker's root": "open(f'/proc/{parent}/root{secret}').read()",
    "its own root": "open(f'/proc/self/root{secret}').read()",
    "its environment": "'got' if any('secret' in each.lower() for each in os.environ.values()) else ''",
    "files left open": "[os.fstat(fd) for fd in range(5, 64)]; 'got'",
    "a file left open": "'got' if any(map(opened, range(4, 64))) else ''",
    # Changes outside.
    "a file written": "open(above + '/made.txt', 'w').write('x'); 'got'",
    "a file written above": "open('../made.txt', 'w').write('x'); 'got'",
    "a file overwritten": "open(secret, 'w').write('x'); 'got'",
    "a file added to": "open(secret, 'a').write('x'); 'got'",
    "a file cut off": "os.truncate(secret, 0); 'got'",
    "a file cut off by opening": "os.open(secret, os.O_RDONLY | os.O_TRUNC); 'got'",
    "a library cut off": "os.open(os.__file__, os.O_RDONLY | os.O_TRUNC); 'got'",
    "a file removed": "os.unlink(secret); 'got'",
    "a folder made": "os.mkdir(above + '/made'); 'got'",
    "a file moved out": "os.rename('main.py', above + '/made.py'); 'got'",
    "a file linked out": "os.link('main.py', above + '/made.py'); 'got'",
    "a mode changed": "os.chmod(secret, 0o777); 'got'",
    "a mode changed by a call": "call(452, -100, secret.encode(), 0o777, 0); 'got'",
    "the mode of the folder above": "os.chmod(above, 0o777); 'got'",
    "an owner changed": "os.chown(secret, os.getuid(), os.getgid()); 'got'",
    "a time changed": "os.utime(secret, (0, 0)); 'got'",
    "an attribute set": "os.setxattr(secret, 'user.x', b'x'); 'got'",
    "a device made": "os.mknod('device', 0o20666, os.makedev(1, 1)); 'got'",
    "a pipe made": "os.mkfifo('pipe'); 'got'",
    "a socket made in the folder": "socket.socket(socket.AF_UNIX).bind('s'); 'got'",
    "room on the disk without writing": (
        "libc.fallocate(os.open('x', 66), 1, ctypes.c_long(0), ctypes.c_long(10**9)) == 0 and 'got'"
    ),
    # The network.
    "a connection": "socket.create_connection(('127.0.0.1', port), 1).send(b'x'); 'got'",
    "a connection by IPv6": "socket.socket(socket.AF_INET6); 'got'",
    "a datagram": "socket.socket(2, 2).sendto(b'x', ('127.0.0.1', port)); 'got'",
    "a socket of the machine": "s = socket.socket(socket.AF_UNIX); s.connect(unix); 'got'",
    "a datagram through a pair": "a, b = socket.socketpair(type=socket.SOCK_DGRAM); a.sendto(b'x', datagram); 'got'",
    "an address through a pair": "a, b = socket.socketpair(); a.sendto(b'x', datagram); 'got'",
    "a raw socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW); 'got'",
    "a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); 'got'",
    "a socket by a call": "call(41, 2, 1, 0); 'got'",
    "a vsock": "socket.socket(40, 1); 'got'",
    "a ring": "call(425, 8, ctypes.create_string_buffer(256)); 'got'",
    "a name looked up": "socket.getaddrinfo('example.com', 80); 'got'",
    # Other programs and processes.
    "a shell": "subprocess.check_output(['sh', '-c', 'cat ' + secret]).decode()",
    "a shell of the system": "os.system('cat ' + secret) == 0 and 'got'",
    "a program spawned": "os.posix_spawn('/bin/cat', ['cat', secret], {}) and 'got'",
    "a program in its place": "os.execv('/bin/cat', ['cat', secret])",
    "a program by its loader": "os.execv('/lib64/ld-linux-x86-64.so.2', ['ld', '/bin/cat', secret])",
    "a program without a file": "os.memfd_create('x'); 'got'",
    "a process": "os.fork() and 'got'",
    "a process by vfork": "call(58); 'got'",
    "a process by clone": "call(56, 17, 0, 0, 0, 0) or 'got'",
    "a process by clone3": "call(435, struct.pack('8Q', *[0] * 4, 17, 0, 0, 0), 64); 'got'",
    "many processes": "import multiprocessing as m; m.Process(target=print).start(); 'got'",
    "a trace of the worker": "libc.ptrace(16, parent, 0, 0) == 0 and 'got'",
    "the memory of the worker": "call(310, parent, 0, 0, 0, 0, 0); 'got'",
    "a descriptor of the worker": "os.pidfd_open(parent); 'got'",
    "a signal to the worker": "os.kill(parent, 0); 'got'",
    "a signal to the parent": "os.kill(os.getppid(), signal.SIGKILL); 'got'",
    "a signal to a thread": "call(234, parent, parent, 0); 'got'",
    "a signal to all": "os.kill(-1, signal.SIGCONT); 'got'",
    "a signal by a file": "import fcntl; fcntl.fcntl(0, 8, parent); 'got'",
    "limits of the worker": "import resource; resource.prlimit(parent, 7, (9, 9)); 'got'",
    "the worker's pace": "os.setpriority(os.PRIO_PROCESS, parent, 19); 'got'",
    "the worker's cores": "os.sched_setaffinity(parent, [0]); 'got'",
    # The kernel.
    "namespaces": "libc.unshare(0x10000000) == 0 and 'got'",
    "namespaces of another": "libc.setns(0, 0) == 0 and 'got'",
    "a mount": "libc.mount(b'x', b'.', b'tmpfs', 0, None) == 0 and 'got'",
    "another root": "os.chroot('.'); 'got'",
    "keys": "call(250, 0, -3, 0); 'got'",
    "programs in the kernel": "call(321, 0, ctypes.create_string_buffer(128), 128); 'got'",
    "counters": "call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0); 'got'",
    "faults": "call(323, 0); 'got'",
    "a longer life than its parent": "libc.prctl(1, 0, 0, 0, 0) == 0 and 'got'",
    "its rights back": "os.setuid(0); 'got'",
    "more files": "import resource; resource.setrlimit(7, (999, 999)); 'got'",
    "another session": "os.setsid(); 'got'",
    "calls of an older machine": "import mmap; m = mmap.mmap(-1, 4096, prot=7); "
    "m.write(bytes.fromhex('b814000000cd80c3')); "
    "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))() and 'got'",
    "calls of another machine": "call(0x40000000 + 41, 2, 1, 0); 'got'",
}
