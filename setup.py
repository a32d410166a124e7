"""Builds the compiled kernels, and nothing else: all metadata is in pyproject.toml.

``GRAPHPOLY_BUILD`` says how much they matter: ``1`` fails where they cannot be built, ``0`` leaves
them out, and ``auto`` (the default) builds them where torch and a C++20 compiler are at hand and
installs pure Python otherwise. The package works in either case; ``graphpoly/_C.json`` keeps what
happened, since pip hides what a build prints.

The kernels use the stable ABI of LibTorch and no part of Python's, so that one library serves every
Python and every torch from 2.11 on: the wheel is tagged ``py3-none-<platform>``, and without
kernels ``py3-none-any``.

Of instruction sets there are all, and the best of them is chosen where the kernels run. Only an
installation in place (``pip install -e .``), which stays where it is made, leaves AVX-512 out on a
processor without it: nothing else takes as long to compile. ``native`` in place of ``auto`` builds
for this processor alone, AVX-512 or AVX2, a third less to compile; any other runs the generic
kernels then.

torch itself is not imported, its headers and libraries are enough. In the isolated build of a plain
``pip install .`` they are those of the environment that is installed into. Where torch comes only
with this very installation, or another tool isolates further, there are no kernels: install torch
first, then ``pip install --no-build-isolation .``
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import json
import os
import platform
import site
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).resolve().parent
SOURCES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "graphpoly/csrc").glob("*.cpp"))
HEADERS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "graphpoly/csrc").glob("*.h"))
OLDEST_TORCH = (2, 11)
FLAGS = [
    "-O3",
    "-g0",
    "-std=c++20",
    "-fvisibility=hidden",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wno-psabi",
]
DEFINES: list[tuple[str, str | None]] = [("TORCH_TARGET_VERSION", "0x020b000000000000")]
AVX2 = {"avx2", "fma", "bmi1", "bmi2"}
AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}


class NotBuilt(Exception):
    """Why there are no kernels, in one line."""


def say(line: str) -> None:
    print(f"graphpoly: {line}", file=sys.stderr, flush=True)


def forget(folder: Path) -> None:
    """Remove what another build left: it would be loaded in place of the one that failed."""
    for stale in [*folder.glob("_C*.so"), *folder.glob("_C*.json")]:
        stale.unlink()


def find_torch() -> tuple[Path, str]:
    """Return torch's folder and version, without the seconds that importing it takes."""
    spec = importlib.util.find_spec("torch")
    if spec is None:
        # pip's isolation takes the interpreter's own packages off sys.path, and no further
        places = [*site.getsitepackages(), site.getusersitepackages()]
        spec = importlib.machinery.PathFinder.find_spec("torch", places)
    if spec is None or spec.origin is None:
        raise NotBuilt(
            "no torch at build time; install it first, then use pip install --no-build-isolation"
        )
    folder = Path(spec.origin).parent
    version = ""
    for node in ast.parse((folder / "version.py").read_text(encoding="utf-8")).body:
        names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(name, ast.Name) and name.id == "__version__" for name in names):
            version = str(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise NotBuilt(f"torch {version} is older than {oldest}")
    return folder, version


def describe_compiler(command: list[str]) -> str:
    """Return the first line that the compiler says of itself."""
    try:
        run = subprocess.run(
            [*command[:1], "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotBuilt(f"no C++ compiler: `{command[0]} --version` failed") from error
    return (run.stdout.splitlines() or [command[0]])[0]


def left_out(in_place: bool, native: bool, cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return what defines away the instruction sets that this machine is known not to run with.

    ``in_place``: what it lacks, since it is the one that will run them. ``native``: what it has
    something wider for, too; on a lesser machine only the generic kernels are left then.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    flags = [line.partition(":")[2].split() for line in lines if line.startswith("flags")]
    if not flags:
        return []
    wide = set(flags[0]) >= AVX512 | AVX2
    without = ["GRAPHPOLY_NO_AVX512"] if (in_place or native) and not wide else []
    return without + (["GRAPHPOLY_NO_AVX2"] if native and wide else [])


class BuildKernels(build_ext):
    """Builds the one extension, or records why not."""

    record: dict[str, Any]

    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")) + ".abi3.so"

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return []  # no Python module: torch.ops.load_library reads it

    def run(self) -> None:
        mode = os.environ.get("GRAPHPOLY_BUILD", "auto").strip().lower()
        if mode not in ("0", "1", "auto", "native"):
            raise SystemExit(f"GRAPHPOLY_BUILD: got {mode!r}; 0, 1, auto and native are accepted")
        library = Path(self.get_ext_fullpath("graphpoly._C"))
        forget(Path(self.build_lib) / "graphpoly")
        self.record = record = {"built": False, "reason": None}
        try:
            if mode == "0":
                raise NotBuilt("GRAPHPOLY_BUILD=0")
            self.prepare(native=mode == "native")
            super().run()
            record["built"] = True
            say(f"compiled kernels built with torch {record['torch']}")
        except (Exception, SystemExit) as error:
            forget(library.parent)
            if mode == "1":
                raise
            record["reason"] = " ".join(str(error).split()) or type(error).__name__
            say(f"no compiled kernels, pure Python instead: {record['reason']}")
        library.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, indent=2) + "\n"
        library.with_name("_C.json").write_text(text, encoding="utf-8")

    def prepare(self, native: bool = False) -> None:
        if os.name == "nt":
            raise NotBuilt("the kernels need GCC or Clang; MSVC is not supported")
        folder, version = find_torch()
        (extension,) = self.extensions
        extension.include_dirs = [str(folder / "include")]
        extension.library_dirs = [str(folder / "lib")]
        extension.libraries = ["torch_cpu"]
        in_place = bool(self.inplace or self.editable_mode)
        defines = [*DEFINES, *((name, "1") for name in left_out(in_place, native))]
        extension.define_macros = defines
        self.record["torch"] = version
        self.record["flags"] = " ".join([*FLAGS, *(f"-D{name}={value}" for name, value in defines)])
        self.record["platform"] = platform.machine()

    def build_extension(self, ext: Extension) -> None:
        command = getattr(self.compiler, "compiler_so_cxx", None) or self.compiler.compiler_so
        self.record["compiler"] = describe_compiler(command)
        self.compile_in_parallel()
        super().build_extension(ext)

    def compile_in_parallel(self) -> None:
        """Have one compiler process for each source, as many at once as there are CPUs."""
        one_by_one = self.compiler.compile

        def compile_all(sources: list[str], *args: Any, **kwargs: Any) -> list[str]:
            def compile_one(source: str) -> list[str]:
                try:
                    return one_by_one([source], *args, **kwargs)
                except CompileError as error:
                    reason = f"{source} does not compile (`pip install -v` shows why)"
                    raise NotBuilt(reason) from error

            # the longest files take longest, and must not be what all others wait for in the end
            longest_first = sorted(sources, key=lambda source: -Path(source).stat().st_size)
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                return [made for some in pool.map(compile_one, longest_first) for made in some]

        self.compiler.compile = compile_all

    def get_outputs(self) -> list[str]:
        return [path for path in super().get_outputs() if Path(path).exists()]


class TagWheel(bdist_wheel):
    """Says what the wheel needs: a platform where it has kernels, and of Python nothing more."""

    def get_tag(self) -> tuple[str, str, str]:
        record = getattr(self.get_finalized_command("build_ext"), "record", {"built": True})
        self.root_is_pure = not record["built"]
        return "py3", "none", super().get_tag()[2]


setup(
    ext_modules=[
        Extension(
            "graphpoly._C",
            SOURCES,
            depends=HEADERS,
            extra_compile_args=FLAGS,
            language="c++",
        )
    ],
    cmdclass={"bdist_wheel": TagWheel, "build_ext": BuildKernels},
)
