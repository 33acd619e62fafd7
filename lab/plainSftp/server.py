"""A plain SFTP server for the lab, on Paramiko: protocol version 3 and nothing else, no extension of OpenSSH, 32 KiB a request, one folder as its
root. Knows passwords, asked for either way, and keys. Told where everything is by a JSON file, its only argument."""
import json
import os
import socket
import sys
import threading

import paramiko

with open(sys.argv[1]) as file:
    SETTINGS = json.load(file)
ROOT = SETTINGS["root"]


def password_is_right(password):
    with open(SETTINGS["passwordFile"]) as secret:
        return password == secret.readline().rstrip("\n")


class Login(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "publickey,keyboard-interactive" if username == SETTINGS["askedUser"] else "publickey,password"

    def check_auth_password(self, username, password):
        right = username == SETTINGS["user"] and password_is_right(password)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        if username != SETTINGS["askedUser"]:
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses):
        right = len(responses) == 1 and password_is_right(responses[0])
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        with open(SETTINGS["authorizedKeys"]) as lines:
            known = [line.split()[1] for line in lines if line.strip()]
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def real(path):
    return os.path.join(ROOT, os.path.normpath("/" + path).lstrip("/")).rstrip("/")


def answered(work):
    """Calls it; an error of the system becomes the few codes that version 3 has: a full disk is a mere failure."""
    try:
        result = work()
        return paramiko.SFTP_OK if result is None else result
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno)


class Handle(paramiko.SFTPHandle):
    def __init__(self, descriptor, flags):
        super().__init__(flags)
        self.descriptor = descriptor

    def read(self, offset, length):
        return answered(lambda: os.pread(self.descriptor, length, offset))

    def write(self, offset, data):
        def work():
            done = 0
            while done < len(data):
                done += os.pwrite(self.descriptor, data[done:], offset + done)
        return answered(work)

    def stat(self):
        return answered(lambda: paramiko.SFTPAttributes.from_stat(os.fstat(self.descriptor)))

    def close(self):
        super().close()
        answered(lambda: os.close(self.descriptor))


class Files(paramiko.SFTPServerInterface):
    def open(self, path, flags, attr):
        mode = 0o666 if attr.st_mode is None else attr.st_mode
        return answered(lambda: Handle(os.open(real(path), flags, mode), flags))

    def list_folder(self, path):
        def work():
            found = []
            for name in os.listdir(real(path)):
                try:
                    found.append(paramiko.SFTPAttributes.from_stat(os.lstat(os.path.join(real(path), name)), name))
                except FileNotFoundError:
                    pass
            return found
        return answered(work)

    def stat(self, path):
        return answered(lambda: paramiko.SFTPAttributes.from_stat(os.stat(real(path))))

    def lstat(self, path):
        return answered(lambda: paramiko.SFTPAttributes.from_stat(os.lstat(real(path))))

    def remove(self, path):
        return answered(lambda: os.remove(real(path)))

    def rename(self, oldpath, newpath):
        # As the protocol has it: what is there already is not replaced.
        if os.path.lexists(real(newpath)):
            return paramiko.SFTP_FAILURE
        return answered(lambda: os.rename(real(oldpath), real(newpath)))

    def mkdir(self, path, attr):
        return answered(lambda: os.mkdir(real(path), 0o777 if attr.st_mode is None else attr.st_mode))

    def rmdir(self, path):
        return answered(lambda: os.rmdir(real(path)))


def serve(connection, key):
    transport = paramiko.Transport(connection)
    transport.add_server_key(key)
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
    try:
        transport.start_server(server=Login())
    except (paramiko.SSHException, EOFError, OSError) as error:
        print(f"handshake: {error}", file=sys.stderr, flush=True)


key = paramiko.Ed25519Key(filename=SETTINGS["hostKey"])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", SETTINGS["port"]))
listener.listen(100)
while True:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(connection, key), daemon=True).start()
