"""Installing from source: with a compiler, without one, and from the archives."""

import importlib.util
import json
import os
import runpy
import shutil
import site
import subprocess
import sys
import sysconfig
import zipfile
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what is in the tree, without what was built in it."""
    target = tmp_path_factory.mktemp("source") / "graphpoly"
    ignore = shutil.ignore_patterns(
        ".*", "*.so", "_C.json", "build", "dist", "runs", "*.egg-info", "__pycache__", "tests"
    )
    shutil.copytree(ROOT, target, ignore=ignore)
    return target


def wheel(checkout, tmp_path, **environment):
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--quiet"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(checkout)],
        env={**os.environ, "PIP_NO_INDEX": "1", **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )
    return done, next(tmp_path.glob("*.whl"), None)


def record(archive):
    with zipfile.ZipFile(archive) as files:
        names = files.namelist()
        return names, json.loads(files.read("graphpoly/_C.json"))


def tag(archive):
    """The tag in the archive, which is that of its name, and whether it says it is pure."""
    with zipfile.ZipFile(archive) as files:
        (name,) = [name for name in files.namelist() if name.endswith(".dist-info/WHEEL")]
        lines = dict(line.split(": ") for line in files.read(name).decode().split("\n") if line)
    assert archive.stem.split("-", 2)[2] == lines["Tag"]
    return lines["Tag"], lines["Root-Is-Purelib"] == "true"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"CXX": "false", "CC": "false"}, "no C++ compiler"),
        ({"GRAPHPOLY_BUILD": "0"}, "GRAPHPOLY_BUILD=0"),
    ],
)
def test_without_a_compiler_it_is_pure_python_and_says_why(checkout, tmp_path, environment, reason):
    done, archive = wheel(checkout, tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    names, built = record(archive)
    assert not any(name.endswith(".so") for name in names)
    assert built["built"] is False
    assert reason in built["reason"]
    assert {"graphpoly/py.typed", "graphpoly/ops/spmm.py"} <= set(names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    assert tag(archive) == ("py3-none-any", True)


def test_a_build_that_is_demanded_fails_loudly(checkout, tmp_path):
    done, archive = wheel(checkout, tmp_path, CXX="false", CC="false", GRAPHPOLY_BUILD="1")
    assert done.returncode != 0
    assert archive is None
    assert "no C++ compiler" in done.stdout + done.stderr


ISOLATED = """
import importlib.util, runpy, sys, setuptools
setuptools.setup = lambda **options: None
sys.path[:] = [place for place in sys.path if not place.endswith("site-packages")]
assert importlib.util.find_spec("torch") is None
folder, version = runpy.run_path(sys.argv[1])["find_torch"]()
assert (folder / "include" / "torch").is_dir(), folder
assert "torch" not in sys.modules
print(version)
"""


def test_the_isolated_build_of_pip_finds_torch_where_it_installs():
    """pip's isolation takes the environment's packages off ``sys.path`` and leaves its Python."""
    if not any(Path(place, "torch").is_dir() for place in site.getsitepackages()):
        pytest.skip("torch is not in the site-packages of this Python")
    done = subprocess.run(
        [sys.executable, "-c", ISOLATED, str(ROOT / "setup.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == metadata.version("torch")


def test_where_there_is_no_torch_the_build_says_what_to_do(monkeypatch):
    monkeypatch.setattr(setuptools, "setup", lambda **options: None)
    namespace = runpy.run_path(str(ROOT / "setup.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(site, "getsitepackages", list)
    monkeypatch.setattr(site, "getusersitepackages", lambda: "/nowhere")
    with pytest.raises(namespace["NotBuilt"], match=r"it first, then .*--no-build-isolation"):
        namespace["find_torch"]()


ALL = "fpu fma bmi1 bmi2 avx2 avx512f avx512bw avx512dq avx512vl"
NO_AVX2, NO_AVX512 = "GRAPHPOLY_NO_AVX2", "GRAPHPOLY_NO_AVX512"


@pytest.mark.parametrize(
    ("text", "in_place", "native"),
    [
        (f"flags\t\t: {ALL}\n" * 2, [], [NO_AVX2]),
        # not all of it
        ("model\t: 1\nflags\t\t: fpu avx2 avx512f\nflags\t\t: fpu\n", [NO_AVX512], [NO_AVX512]),
        (f"flags\t\t: {ALL.replace('fma ', '')}\n", [NO_AVX512], [NO_AVX512]),
        ("Features\t: fp asimd\n", [], []),  # another architecture, where it is not asked for
        (None, [], []),  # nothing is known
    ],
)
def test_only_what_the_processor_is_known_not_to_run_is_left_out(
    monkeypatch, tmp_path, text, in_place, native
):
    monkeypatch.setattr(setuptools, "setup", lambda **options: None)
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    left_out = runpy.run_path(str(ROOT / "setup.py"))["left_out"]
    assert left_out(False, False, file) == []
    assert left_out(True, False, file) == in_place
    assert left_out(True, True, file) == left_out(False, True, file) == native


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("place", ["inplace", "editable_mode", None])
def test_an_archive_has_every_instruction_set(monkeypatch, place, native):
    monkeypatch.setattr(setuptools, "setup", lambda **options: None)
    build = runpy.run_path(str(ROOT / "setup.py"))["BuildKernels"]
    asked = []
    monkeypatch.setitem(
        build.prepare.__globals__, "left_out", lambda *how: asked.append(how) or [NO_AVX512]
    )
    command = build(setuptools.Distribution())
    command.extensions, command.record = [setuptools.Extension("graphpoly._C", [])], {}
    if place is not None:
        setattr(command, place, True)
    command.prepare(native)
    assert asked == [(place is not None, native)]
    assert (NO_AVX512, "1") in command.extensions[0].define_macros
    assert f"-D{NO_AVX512}=1" in command.record["flags"]


@pytest.mark.parametrize("mode", ["auto", "native", "1", " Native"])
def test_what_is_built_for_this_machine_alone_is_so_by_request(monkeypatch, tmp_path, mode):
    monkeypatch.setattr(setuptools, "setup", lambda **options: None)
    build = runpy.run_path(str(ROOT / "setup.py"))["BuildKernels"]
    asked = []

    class Asked(Exception):
        pass

    def prepare(self, native=False):
        asked.append(native)
        raise Asked

    monkeypatch.setattr(build, "prepare", prepare)
    monkeypatch.setenv("GRAPHPOLY_BUILD", mode)
    command = build(setuptools.Distribution())
    command.build_lib = command.build_temp = str(tmp_path)
    with pytest.raises(Asked) if mode == "1" else nullcontext():
        command.run()
    assert asked == [mode.strip().lower() == "native"]


@pytest.mark.slow
def test_with_a_compiler_the_kernels_are_in_the_wheel(checkout, tmp_path):
    done, archive = wheel(checkout, tmp_path, GRAPHPOLY_BUILD="1")
    assert done.returncode == 0, done.stderr
    names, built = record(archive)
    assert built["built"] is True
    assert any(name.startswith("graphpoly/_C") and name.endswith(".so") for name in names)
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    assert tag(archive) == (f"py3-none-{platform}", False)
    install_and_use(archive, tmp_path)


def pythons():
    """Every Python that may install the wheel: on the path, or beside this one as in pyenv."""
    for minor in range(10, 15):
        name = f"python3.{minor}"
        beside = Path(sys.base_prefix).parent.glob(f"3.{minor}*/bin/{name}")
        for found in (shutil.which(name), *map(str, beside)):
            probe = [found, "-c", "import sys; print(sys.version_info[:2])"]
            # a name on the path may lead nowhere
            if found is not None and not subprocess.run(probe, capture_output=True).returncode:
                yield f"3.{minor}", found
                break


LOAD = """
import ctypes, sys
for library in sys.argv[1:3]:
    loaded = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
loaded.graphpoly_simd.restype = ctypes.c_char_p
print(loaded.graphpoly_simd().decode())
"""


def install_and_use(archive, tmp_path):
    """Install into each Python at hand, and load the kernels there with this environment's torch.

    libtorch_cpu asks nothing of Python, nor do they; so that even a Python without torch can tell.
    """
    (place,) = importlib.util.find_spec("torch").submodule_search_locations
    torch = next(Path(place, "lib").glob("libtorch_cpu.*"))
    seen = []
    for version, python in pythons():
        target = tmp_path / version
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        options = ["--target", str(target), "--python-version", version, "--only-binary", ":all:"]
        done = subprocess.run([*pip, *options, str(archive)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (kernels,) = (target / "graphpoly").glob("_C*.so")
        done = subprocess.run(
            [python, "-c", LOAD, str(torch), str(kernels)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() in ("generic", "avx2", "avx512")
        seen.append(version)
    assert f"3.{sys.version_info.minor}" in seen
