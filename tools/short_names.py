# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Shorten names that only the firmware itself uses: a board keeps each name once, in memory, at some 17 bytes.

`python -m tools.short_names OUT FILE...` (paths relative to the working folder) writes copies into OUT, line by line where they
were, and OUT/names.txt: `file short full`, for whoever reads a crash report. main.py comes out as well, with its names.

- Constants (`NAME = 5`, once, in the module) that no other module looks up become const(): they vanish into the code.
- Every other name becomes one of FREE, which MicroPython has in its image anyway, so that it costs nothing; when they are
  used up, a short one. Arguments repeat from function to function; private names (`_name`) from module to module, except
  where two could meet on one object, because a class inherits from another module's, or a module looks up private names on
  anything but `self`. A public name has the same short one wherever it stands, and shares it only with names that no node
  loads beside it.
- Kept are names that something else may mean: what MicroPython or its modules call so, keywords, arguments given by
  keyword, exceptions, names that stand in a string, and what main.py or a bench's program looks up.
- Modules of node_core and node_io lie beside runtime.py, drivers under their own names, the others under short ones (STEMS).
- Of strings only a module's name and the function's in `borrowed.call(module, "function")` are touched.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import re
import string
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# Names of MicroPython's own modules and types in an ESP32's image (from `wait_for_ms` on only there, from MQTTException on of the
# libraries that ports/esp32/boards/manifest.py freezes into it), none of which this firmware uses.
FREE = """
ArithmeticError AssertionError BytesIO CancelledError DeflateIO Ellipsis FrameBuffer FrameBuffer1 GeneratorExit
IOBase IndentationError MemoryError NameError NoneType NotImplemented NotImplementedError OrderedDict RingIO
StopAsyncIteration SyntaxError SystemExit ThreadSafeFlag ZeroDivisionError a2b_base64 acquire action addressof
appendleft b2a_base64 buffering bytearray_at byteorder bytes_at call_exception_handler callable center choice
classmethod closure compile complex copysign current_task default default_exception_handler deque difference_update
dir disable discard dumps ellipse endswith errorcode exc_info exc_type factorial fileno fill_rect fromhex fromkeys
frozenset gather get_exception_handler getcwd group heap_lock heap_unlock heapify heappop heappush hline ilistdir
imag implementation intersection intersection_update ipoll is_set isalpha isclose isdisjoint isenabled isfinite
isinf islower isnan isspace issubclass issubset issuperset isupper iterable keepends locals localtime lock locked
lstrip match maxsize md5 mem_alloc mem_info mktime mount mtime namedtuple new_event_loop newline opt_level pack_into
pixel platform popitem popleft pow qstr_info randint randrange readblocks readlines readonly real rect release
return_exceptions reverse rfind rindex rmdir rstrip scroll search separators sizeof splitlines stack_use stderr
stdin stdout symmetric_difference symmetric_difference_update ticks_add ticks_cpu umount uniform union unlink
unpack_from unregister version_info vline waiter writeblocks zip ARRAY BFINT16 BFINT32 BFINT8 BFUINT16 BFUINT32
BFUINT8 BF_LEN BF_POS BIG_ENDIAN EACCES EADDRINUSE EAGAIN EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET EEXIST
EHOSTUNREACH EINPROGRESS EINVAL EISDIR ENOBUFS ENOENT ENOMEM ENOTCONN EOPNOTSUPP EPERM ETIMEDOUT FLOAT32 FLOAT64
GS2_HMSB GS4_HMSB GS8 GZIP INT INT16 INT32 INT64 INT8 LITTLE_ENDIAN LONG LONGLONG MONO_HLSB MONO_HMSB MONO_VLSB
MVLSB NATIVE POLLERR POLLHUP POLLIN POLLOUT PTR RAW RGB565 SHORT UINT UINT16 UINT32 UINT64 UINT8 ULONG ULONGLONG
USHORT VOID ZLIB FileIO Loop Task TaskQueue TextIOWrapper abs_tol rel_tol bound_method generator dict_view cmath
collections deflate framebuf heapq uctypes peek ph_key cur_task queue_read funcs wait_for_ms sgen BLE UUID ULP RMT
I2S PWM SDCard SoftI2C SoftSPI Signal SLEEP mem8 mem16 mem32 drive hold AP_IF LAN PPP BOOT loop sendto recvfrom
AF_INET AF_INET6 SOCK_RAW MONO STEREO TOUCHPAD idle trigger handler invert duty_ns duty_u16 hostname MODE_11B
MODE_11G MODE_11N DEEPSLEEP EXT0_WAKE EXT1_WAKE PIN_WAKE ULP_WAKE I2CTarget Partition HEAP_EXEC HEAP_DATA RUNNING
TYPE_APP gap_scan AUTH_MAX AUTH_WEP PHY_IP101 lightsleep read_u16
MQTTException server keepalive pswd lw_topic lw_msg lw_qos lw_retain set_callback set_last_will retain clean_session
sock subscribe wait_msg check_msg listen_s client_s static_host server_handshake send_html setup_conn accept_handler
accept_conn listen_sock start_foreground Response encoding method headers auth parse_headers status_code head post
patch delete DS18X20 onewire convert_temp read_scratch write_scratch read_temp select_rom writebyte NeoPixel ORDER
bpp timing DHTBase DHT11 DHT22 measure dht_readinto settime install newfile APA106 check_bootsec fs_corrupted
getpass input_pass input_choice get_daemon_status change_daemon branch short_hash package_json_url
allowed_mip_url_prefixes reconnect CLEAR
""".split()  # noqa: SIM905  (a list would take a page)

# Short ones of the same kind, none of which is a module: for the firmware's modules. A board keeps a module's name and its file's.
STEMS = """
cd cp ls mv ow pi rm sz tb buf cat cos doc erf exc hex inf man msg nan oct opt ord pid pwd qos raw req rom sep sin
sub tan tau url val acos argv asin atan attr blit ceil coro cosh dest erfc fabs fmod log2 mkfs modf poly seed sinh
tanh acosh asinh atan2 atanh chdir expm1 frexp gamma ldexp log10 polar trunc divmod getenv gmtime lgamma radians
""".split()  # noqa: SIM905

_ARGUMENTS, _PRIVATE = 8, 64  # how many of them are for these; the rest is for public names

# What objects of MicroPython's own modules have, of the names that the firmware gives, too. A name that stands here is never shortened.
FOREIGN = frozenset(
    """
    EIO accept add address append before block board client_id close closed code config connect count crc8 decode dump encode end event
    feed floor flush from_bytes get high is_closed join last length level link load loads log low main memory name next note number open
    pack parse password path pattern period_us pin pins poll publish put quiet rate read reason remove request run scan select send
    session size sleep sleep_ms start state status step stop subtract sum tell temperature time to_bytes total unpack update user value
    values wake width write
""".split()  # noqa: SIM905
)

# Imported by what runs beside the compiled files, as below.
_IN_FOLDERS = frozenset(["node_core/configuration.py", "node_core/keys.py", "node_io/nvs.py"])

# Looked up by what runs beside the compiled files: main.py, and the programs that tools/flash and tools/provision run on a board.
OUTSIDE = frozenset(
    ["call", "prepare", "resume", "start", "main", "end", "VERSION", "master", "problems", "derive_root", "i2c"]
)

Edits = dict[tuple[int, int, int], str]  # (line, start, end) in bytes -> what to put there


def _names(first: list[str], letters: str) -> Iterator[str]:
    """`first`, and when they are used up _a, _b..."""
    yield from first
    for length in itertools.count(1):
        for chosen in itertools.product(letters, repeat=length):
            yield "_" + "".join(chosen)


def _is_private(name: str) -> bool:
    return len(name) > 1 and name[0] == "_" and name[1] != "_"


class Module:
    """One file: its tree, its private names, what has to be written anew."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.lines = source.encode().split(b"\n")
        self.tree = ast.parse(source)
        self.nodes = list(ast.walk(self.tree))
        self.edits: Edits = {}
        self.renamed: dict[str, str] = {}
        self.arguments: set[tuple[int, int]] = set()  # places that an argument's name has taken
        self.constants = self._constants()
        self.borrowed = list(self._borrowed())
        self.places = list(self._places())

    def _borrowed(self) -> Iterator[ast.Constant]:
        """The function's name in each `borrowed.call(module, "function", ...)`."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "call":
                function = node.args[1]
                if isinstance(function, ast.Constant) and isinstance(function.value, str):
                    yield function

    def _constants(self) -> dict[str, ast.Assign]:
        """Module-level `NAME = value` that const() can take: integers, also computed, and plain literals."""
        stored = [node.id for node in self.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        found: dict[str, ast.Assign] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name.isupper() and name[:2] != "__" and stored.count(name) == 1 and _is_constant(node.value, found):
                    found[name] = node
        return found

    def _places(self) -> Iterator[tuple[str, int, int, bool]]:
        """(name, line, start, whether it is looked up on something else than self) of every identifier but keywords."""
        for text in self.borrowed:
            yield str(text.value), text.lineno, text.col_offset + 1, False
        for node in self.nodes:
            if isinstance(node, ast.Name):
                yield node.id, node.lineno, node.col_offset, False
            elif isinstance(node, ast.arg):
                yield node.arg, node.lineno, node.col_offset, False
            elif isinstance(node, ast.Attribute):
                line, end = node.end_lineno or 0, node.end_col_offset or 0
                is_foreign = not (isinstance(node.value, ast.Name) and node.value.id == "self")
                yield node.attr, line, end - len(node.attr), is_foreign
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                at = self.lines[node.lineno - 1].index(node.name.encode(), node.col_offset + len("def "))
                yield node.name, node.lineno, at, False
            elif isinstance(node, ast.alias):
                assert node.asname is None or not _is_private(node.asname), node.asname
                yield node.name, node.lineno, node.col_offset, False
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                for name in node.names:
                    yield (
                        name,
                        node.lineno,
                        self.lines[node.lineno - 1].index(name.encode(), node.col_offset + 6),
                        False,
                    )

    def replace(self, line: int, start: int, old: str, new: str) -> None:
        assert self.lines[line - 1][start : start + len(old)] == old.encode(), (self.path, line, old)
        self.edits[line, start, start + len(old)] = new

    def text(self) -> str:
        for (line, start, end), new in sorted(self.edits.items(), reverse=True):
            raw = self.lines[line - 1]
            self.lines[line - 1] = raw[:start] + new.encode() + raw[end:]
        return b"\n".join(self.lines).decode()


def _is_constant(value: ast.expr, known: dict[str, ast.Assign]) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "const":
        return True
    if isinstance(value, ast.Constant):
        return isinstance(value.value, (int, float, str, bytes)) and not isinstance(value.value, bool)
    return _is_whole(value, known)


def _is_whole(value: ast.expr, known: dict[str, ast.Assign]) -> bool:
    """An integer that the compiler can compute."""
    if isinstance(value, ast.Constant):
        return type(value.value) is int
    if isinstance(value, ast.UnaryOp):
        return _is_whole(value.operand, known)
    if isinstance(value, ast.BinOp):
        return not isinstance(value.op, ast.Div) and _is_whole(value.left, known) and _is_whole(value.right, known)
    if isinstance(value, ast.Name) and value.id in known:
        of = known[value.id].value
        return _is_whole(of.args[0] if isinstance(of, ast.Call) else of, known)
    return False


def _shorten_constants(module: Module, outside: set[str]) -> None:
    for name, node in list(module.constants.items()):
        value = node.value
        if name in outside or f"_{name}" in module.constants:
            del module.constants[name]
            continue
        if not _is_private(name):  # only a name with an underscore vanishes
            for part in module.nodes:
                if isinstance(part, ast.Name) and part.id == name:
                    module.replace(part.lineno, part.col_offset, name, f"_{name}")
        if isinstance(value, ast.Call):
            continue
        module.edits[value.lineno, value.col_offset, value.col_offset] = "const("
        end = value.end_col_offset or 0
        module.edits[value.end_lineno or 0, end, end] = ")"
    for statement in module.tree.body:  # the compiler knows const without its import
        names = [each.name for part in ast.walk(statement) if isinstance(part, ast.ImportFrom) for each in part.names]
        if names == ["const"] and isinstance(statement, (ast.ImportFrom, ast.Try)):
            for line in range(statement.lineno, (statement.end_lineno or 0) + 1):
                module.edits[line, 0, len(module.lines[line - 1])] = ""


class Arguments(ast.NodeVisitor):
    """Renames the arguments of each function, and what inside the function means them."""

    def __init__(self, module: Module, keywords: set[str], free: list[str]) -> None:
        self.module = module
        self.keywords = keywords
        self.free = free
        self.scopes: list[dict[str, str]] = [{}]

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        for outer in (*node.args.defaults, *[each for each in node.args.kw_defaults if each is not None]):
            self.visit(outer)
        taken = self.keywords | {"self", "_", "__"}
        for part in ast.walk(node):  # names without a place in the tree
            if isinstance(part, ast.ExceptHandler) and part.name:
                taken |= {part.name}
            elif isinstance(part, (ast.Global, ast.Nonlocal)):
                taken |= set(part.names)
            elif isinstance(part, ast.alias):
                taken |= {part.asname or part.name.split(".")[0]}
        names = dict(self.scopes[-1])
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        every += [each for each in (node.args.vararg, node.args.kwarg) if each is not None]
        for each in every:
            if each.arg in taken or each in node.args.kwonlyargs:
                names.pop(each.arg, None)
            else:
                names[each.arg] = next(
                    name for name in _names(self.free, string.digits[1:]) if name not in names.values()
                )
                self._place(each.arg, each.lineno, each.col_offset, names)
        self.scopes.append(names)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(statement)
        self.scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.scopes[-1]:
            self._place(node.id, node.lineno, node.col_offset, self.scopes[-1])

    def _place(self, name: str, line: int, start: int, names: dict[str, str]) -> None:
        self.module.replace(line, start, name, names[name])
        self.module.arguments.add((line, start))


def _bases(module: Module) -> set[str]:
    """Names of what the module's classes inherit from."""
    bases = [base for node in module.nodes if isinstance(node, ast.ClassDef) for base in node.bases]
    return {part.id for base in bases for part in ast.walk(base) if isinstance(part, ast.Name)}


def _links(modules: list[Module], foreign: dict[str, set[str]], users: dict[str, set[str]]) -> dict[str, set[str]]:
    """Path -> the paths whose private names may meet its own on one object: by inheritance, or because one looks into the other."""
    linked = {module.path: {module.path} for module in modules}
    for module in modules:
        bases = _bases(module)
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                for each in node.names:
                    if each.name in bases:
                        for dotted in (node.module, f"{node.module}.{each.name}"):
                            _link(linked, module.path, dotted.replace(".", "/") + ".py")
    for path in list(linked):  # a class inherits from all that its base inherits from
        for base in list(linked[path]):
            for further in list(linked[base]):
                _link(linked, path, further)
    for name, lookers in foreign.items():
        for looker in lookers:
            for user in users[name]:
                _link(linked, looker, user)
    return linked


def _link(linked: dict[str, set[str]], one: str, other: str) -> None:
    if other in linked:
        linked[one].add(other)
        linked[other].add(one)


def _shorten_private(modules: list[Module], kept: set[str], free: list[str]) -> None:
    """Names that cannot meet, in a module or on an object, may have the same short one."""
    users: dict[str, set[str]] = {}
    foreign: dict[str, set[str]] = {}
    for module in modules:
        for name, line, start, is_foreign in module.places:
            if _is_private(name) and (line, start) not in module.arguments and name not in module.constants:
                users.setdefault(name, set()).add(module.path)
                if is_foreign:
                    foreign.setdefault(name, set()).add(module.path)
    linked = _links(modules, foreign, users)
    short: dict[str, str] = {}
    near: dict[str, set[str]] = {module.path: set() for module in modules}  # short names that are taken there
    for name in sorted(users.keys() - kept, key=lambda name: (-len(users[name]), name)):
        around = {path for user in users[name] for path in linked[user]}
        taken = {each for path in users[name] for each in near[path]}
        short[name] = next(
            each for each in _names(free, string.ascii_lowercase) if each not in taken and each not in kept
        )
        for path in around:
            near[path].add(short[name])
    for module in modules:
        for name, line, start, _ in module.places:
            if name in short and (line, start) not in module.arguments and name not in module.constants:
                module.replace(line, start, name, short[name])
                module.renamed[name] = short[name]


def _given(module: Module) -> set[str]:
    """Public names that the module gives: functions, classes, attributes, and variables of its own and of its classes."""
    found = set()
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not _is_exception(node):
            found.add(node.name)
    for body in (module.tree.body, *[node.body for node in module.tree.body if isinstance(node, ast.ClassDef)]):
        for statement in body:
            if isinstance(statement, ast.Assign):
                found |= {
                    part.id for each in statement.targets for part in ast.walk(each) if isinstance(part, ast.Name)
                }
    return {name for name in found if name[0] != "_"}


def _is_exception(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether it is a class whose name a crash report shows."""
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any(ast.unparse(base).endswith(("Error", "Exception")) for base in bases)


def _fixed(module: Module, ours: set[str]) -> set[str]:
    """Names from modules other than `ours`, or that stand where `places` does not look, or in a string, whole or between dots."""
    found = set()
    for node in module.nodes:
        if isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or "")
        elif isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module not in ours):
            found |= {part for each in node.names for part in each.name.split(".")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in module.borrowed:
            found |= {node.value, *node.value.split(".")}
    return found


def _processes(modules: list[Module]) -> dict[str, set[tuple[str, str]]]:
    """Path -> the (program, application) pairs that may load the module. Applications and drivers are loaded by computed names."""
    paths = {module.path[:-3].replace("/", "."): module.path for module in modules}
    after: dict[str, set[str]] = {}
    for module in modules:
        found = after[module.path] = set()
        for node in module.nodes:
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *[f"{node.module}.{each.name}" for each in node.names]]
            elif isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names = [node.value]
                if re.match(r"(node_io\.drivers|boards)\.", node.value):
                    names = [name for name in paths if name.startswith(node.value.split("%")[0])]
            found |= {paths[name] for name in names if name in paths}

    def reached(path: str, seen: set[str]) -> set[str]:
        if path not in seen:
            seen.add(path)
            for each in after.get(path, ()):
                reached(each, seen)
        return seen

    applications = [path for path in after if path.startswith("apps/")] or [""]
    processes: dict[str, set[tuple[str, str]]] = {path: set() for path in after}
    for program in ("runtime.py", "duty_cycle.py"):
        for application in applications:
            for path in reached(program, reached(application, set())):
                if path in processes:
                    processes[path].add((program, application))
    everything = {each for found in processes.values() for each in found} | {("", "")}
    return {path: found or everything for path, found in processes.items()}


def _kept(modules: list[Module], texts: set[str]) -> set[str]:
    """Names that something else may mean, too."""
    ours = {module.path[:-3].replace("/", ".") for module in modules}
    kept = texts | FOREIGN | OUTSIDE | {part for name in ours for part in name.split(".")}
    for module in modules:
        kept |= _fixed(module, ours)
    return kept


def _shorten_public(modules: list[Module], kept: set[str], free: list[str]) -> None:
    """One short name for each name, another for each that the same process may load, `free` ones for what runtime.py loads first."""
    wanted = {
        name for module in modules for name in _given(module) if name not in kept and name not in module.constants
    }
    processes = _processes(modules)
    of_name: dict[str, set[tuple[str, str]]] = {name: set() for name in wanted}
    taken = set(kept)
    for module in modules:
        for name, line, start, _ in module.places:
            taken.add(name)
            if name in wanted and (line, start) not in module.arguments:
                of_name[name] |= processes[module.path]
    letters = map("".join, itertools.product(string.ascii_lowercase, repeat=3))
    supply = free + [name for name in letters if name not in taken and not keyword.iskeyword(name)]
    used: dict[str, set[tuple[str, str]]] = {name: set() for name in supply}
    short: dict[str, str] = {}
    awake = {name: sum(program == "runtime.py" for program, _ in found) for name, found in of_name.items()}
    for name in sorted(wanted, key=lambda name: (-awake[name], -len(of_name[name]), name)):
        short[name] = next(each for each in supply if not used[each] & of_name[name])
        used[short[name]] |= of_name[name]
    for module in modules:
        for name, line, start, _ in module.places:
            if name in short and (line, start) not in module.arguments and name not in module.constants:
                module.replace(line, start, name, short[name])
                module.renamed[name] = short[name]


def places(paths: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Path -> where the compiled module lies: those of node_core and node_io beside runtime.py, because a folder is one more name for
    each, and the longest names as one of STEMS that is not `taken`. Drivers keep theirs, which configurations give."""
    stems = iter([name for name in STEMS if name not in taken])
    found = {}
    for path in sorted(paths, key=lambda path: (-len(path.rpartition("/")[2]), path)):
        folder, _, leaf = path.rpartition("/")
        found[path] = path
        if folder == "node_io/drivers":
            found[path] = leaf
        elif folder in ("node_core", "node_io") and path not in _IN_FOLDERS:
            found[path] = next(stems, leaf[:-3]) + ".py"
    return found


def _flatten(module: Module, lies: dict[str, str]) -> None:
    """Let imports, and strings that name modules, find them where they lie, and let the module call them so."""
    called = {}
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module in ("node_core", "node_io"):
            rows = [(lies.get(f"{node.module}/{each.name}.py", "/"), each) for each in node.names]
            lying = [
                place[:-3] + (f" as {each.asname}" if each.asname else "") for place, each in rows if "/" not in place
            ]
            staying = [ast.unparse(each) for place, each in rows if "/" in place]
            text = f"import {', '.join(lying)}" if lying else ""
            text += "; " if lying and staying else ""
            text += f"from {node.module} import {', '.join(staying)}" if staying else ""
            assert node.lineno == node.end_lineno, (module.path, node.lineno)
            module.edits[node.lineno, node.col_offset, node.end_col_offset or 0] = text
            for place, each in rows:
                if "/" not in place and each.asname is None:
                    called[each.name] = place[:-3]
        elif isinstance(node, ast.ImportFrom) and node.module:
            _flatten_name(module, node.lineno, node.col_offset + len("from "), node.module, lies)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.%]+", node.value):
            _flatten_name(module, node.lineno, node.col_offset + 1, node.value, lies)
    for node in module.nodes:
        if isinstance(node, ast.Name) and node.id in called and (node.lineno, node.col_offset) not in module.arguments:
            module.replace(node.lineno, node.col_offset, node.id, called[node.id])
        elif isinstance(node, ast.arg):
            assert node.arg not in called or (node.lineno, node.col_offset) in module.arguments, (module.path, node.arg)
    module.renamed |= called


def _flatten_name(module: Module, line: int, start: int, name: str, lies: dict[str, str]) -> None:
    place = lies.get(name.replace(".", "/") + ".py", "/")
    if "/" not in place:
        module.replace(line, start, name, place[:-3])
    elif name.startswith("node_io.drivers."):  # and the rest is computed
        module.replace(line, start, "node_io.drivers.", "")


def shorten(sources: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Path -> source in, path -> source out, and (path, short, full) of each name and module that has another one.

    Raises: ValueError for bytes that are no Python.
    """
    modules = [Module(path, source) for path, source in sources.items()]
    keywords: set[str] = set()
    texts: set[str] = set()
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.keyword) and node.arg:
                keywords.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.update(re.findall(r"\b_\w+", node.value) if len(node.value) < 40 else ())
    kept = _kept(modules, keywords | texts)
    taken = kept.union(*[{name for name, *_ in module.places} for module in modules])
    lies = places(sources, taken)
    free = [name for name in FREE if name not in taken]
    arguments, private, public = (
        free[:_ARGUMENTS],
        free[_ARGUMENTS : _ARGUMENTS + _PRIVATE],
        free[_ARGUMENTS + _PRIVATE :],
    )
    looked_up = {module.path: _looked_up(module) for module in modules}
    for module in modules:
        outside = {name for path, names in looked_up.items() if path != module.path for name in names}
        _shorten_constants(module, outside)
        Arguments(module, keywords, arguments).visit(module.tree)
    _shorten_private(modules, keywords | texts, private)
    _shorten_public(modules, kept, public)
    for module in modules:
        _flatten(module, lies)
    told = [(module.path, short, full) for module in modules for full, short in sorted(module.renamed.items())]
    told += [(path, lies[path][:-3], path[:-3].replace("/", ".")) for path in sources if lies[path] != path]
    return {module.path: module.text() for module in modules}, told


def _looked_up(module: Module) -> set[str]:
    """Names that this module takes from others: attributes and imports."""
    found = {node.attr for node in module.nodes if isinstance(node, ast.Attribute)}
    return found | {each.name for node in module.nodes if isinstance(node, ast.ImportFrom) for each in node.names}


def main(out: str, *paths: str) -> None:
    sources = {path: Path(path).read_text(encoding="utf-8") for path in paths}
    shortened, told = shorten(sources)
    lies = {path: path for path in sources}
    lies |= {path: f"{short}.py" for path, short, full in told if full == path[:-3].replace("/", ".")}
    program = Module("main.py", Path("main.py").read_text(encoding="utf-8"))  # which keeps its names
    _flatten(program, lies)
    for path, source in [*[(lies[path], source) for path, source in shortened.items()], ("main.py", program.text())]:
        target = Path(out) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source, encoding="utf-8")
    Path(out, "names.txt").write_text(
        "".join(f"{path} {short} {full}\n" for path, short, full in told), encoding="utf-8"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
