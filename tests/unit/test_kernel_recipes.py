from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from installer.config.models import Config
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.kernels import recipe as recipes
from installer.kernels.environment_file import read_environment_file
from installer.kernels.kernelspec import kernel_json
from installer.kernels.lock import Lock, LockFile, read_lock_file
from installer.kernels.recipe import Recipe, name_of, names, read_recipe, recipe_for
from installer.kernels.request import read_requests

SEED = {
    "ipykernel",
    "ipywidgets",
    "lxml",
    "matplotlib-base",
    "nltk",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "requests",
}


@pytest.fixture
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for recipes of the admin's own."""
    monkeypatch.setattr(paths, "KERNEL_RECIPES", tmp_path / "recipes")
    (tmp_path / "recipes").mkdir()
    return tmp_path / "recipes"


def config(**keys: object) -> Config:
    return Config.model_validate(keys)


# --- recipes -------------------------------------------------------------------------------------
def test_there_is_a_recipe_for_each_of_five_languages() -> None:
    assert names() == ["go", "julia", "octave", "python", "r"]


@pytest.mark.parametrize("name", ["go", "julia", "octave", "python", "r"])
def test_a_recipe_of_ours_is_whole(name: str) -> None:
    recipe = read_recipe(name)
    assert {name_of(spec) for spec in recipe.requires} <= {name_of(spec) for spec in recipe.packages}
    assert recipe.version_of in {name_of(spec) for spec in recipe.packages}
    assert "{connection_file}" in recipe.argv
    assert recipe.argv[0].startswith("{prefix}/bin/")
    assert recipe.smoke.expect
    assert recipe.logo is not None
    assert recipe.logo.startswith("<svg")


def test_python_has_what_people_are_used_to() -> None:
    assert {name_of(spec) for spec in read_recipe("python").packages} >= SEED


def test_an_own_recipe_comes_before_ours(_own: Path) -> None:
    shutil.copytree(recipes.OURS / "r", _own / "r")
    file = _own / "r" / "recipe.yaml"
    file.write_text(file.read_text().replace("display_name: R {version}", "display_name: Our R"))
    assert read_recipe("r").display_name == "Our R"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a list", "is no recipe"),
        ("language: x\n", "Field required"),
        ("language: [", "is no recipe"),
        ("surprise: 1\n", "surprise: Extra inputs"),
    ],
)
def test_a_bad_recipe_is_named(text: str, said: str, _own: Path) -> None:
    (_own / "odd").mkdir()
    (_own / "odd" / "recipe.yaml").write_text(text)
    with pytest.raises(ConfigProblem, match=r"odd/recipe\.yaml") as raised:
        read_recipe("odd")
    assert said in raised.value.what


@pytest.mark.parametrize("field", ["name", "kernelspec"])
@pytest.mark.parametrize("name", ["../../../../etc/cron.d/x", "/etc/x", "..", "", "a\nb"])
def test_a_recipe_can_not_name_a_place_elsewhere(field: str, name: str) -> None:
    """It may have come with a lock from somebody else, and root makes a link of that name."""
    recipe = read_recipe("python")
    with pytest.raises(ValidationError, match=field):
        Recipe.model_validate({**recipe.model_dump(), field: name})


@pytest.mark.parametrize("name", ["nosuch", "../python", "a b", "/etc", "..", "", "python/"])
def test_a_name_that_is_no_recipe_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigProblem) as raised:
        read_recipe(name)
    assert "go, julia, octave, python, r" in raised.value.hint


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (["numpy", "r-base>=4"], "r"),
        (["conda-forge::r-irkernel"], "r"),
        (["octave"], "octave"),
        (["julia=1.12", "python"], "julia"),
        (["go-cgo"], "go"),
        (["numpy"], "python"),
    ],
)
def test_packages_tell_which_kernel_suits_them(packages: list[str], expected: str) -> None:
    assert recipe_for(packages) == expected


# --- environment files ---------------------------------------------------------------------------
def test_an_environment_file_is_read_as_conda_does(tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(
        "name: x\nprefix: /home/ada/x\nchannels: [bioconda, conda-forge, defaults, nodefaults]\n"
        "dependencies:\n  - python=3.12  # a comment\n  - numpy <2\n  - pip:\n    - flask>=3\n    - torch @ https://x.test/t.whl\n"
    )
    read = read_environment_file(file)
    assert read.channels == ("bioconda", "conda-forge")
    assert read.packages == ("python=3.12", "numpy <2")
    assert read.pip == ("flask>=3", "torch @ https://x.test/t.whl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no `dependencies:`"),
        ("dependencies: numpy", "no list of packages"),
        ("dependencies: []", "no list of packages"),
        ("dependencies: [{pip: [-r more.txt]}]", "options and requirement files"),
        ("dependencies: [{conda: [x]}]", "no list of texts"),
        ("dependencies: [1]", "no list of texts"),
        ("surprise: 1\ndependencies: [x]", "`surprise:`"),
        ("variables: {A: b}\ndependencies: [x]", "`variables:`"),
        ("dependencies: [x", "can't be used"),
        ("\xff\xfe", "can't be used"),
    ],
)
def test_a_bad_environment_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigProblem, match=r"environment\.yml") as raised:
        read_environment_file(file)
    assert said in raised.value.what


def test_a_missing_environment_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="does not exist"):
        read_environment_file(tmp_path / "nosuch.yml")


# --- requests ------------------------------------------------------------------------------------
def test_the_default_is_python_r_julia_and_go_under_the_names_that_notebooks_know() -> None:
    assert [(request.name, request.kernelspec) for request in read_requests(Config())] == [
        ("python", "python3"),
        ("r", "ir"),
        ("julia", "julia"),
        ("go", "gonb"),
    ]


def test_a_kernel_of_another_name_has_that_as_its_kernelspec_and_is_told_apart() -> None:
    (request,) = read_requests(config(kernels=[{"name": "ml", "recipe": "python", "packages": ["pytorch", "numpy<2"]}]))
    assert request.kernelspec == "ml"
    assert request.display_name == "Python {version} (ml)"
    assert {"pytorch", "numpy<2", "pandas"} <= set(request.packages)
    assert "numpy" not in request.packages


def test_packages_alone_are_an_environment_of_just_these_and_what_the_kernel_needs() -> None:
    (request,) = read_requests(config(kernels=[{"name": "small", "packages": ["numpy", "python=3.12"]}]))
    assert request.packages == ("python=3.12", "ipykernel", "pip", "numpy")


def test_an_environment_file_gets_the_kernel_that_it_lacks(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text("channels: [bioconda, conda-forge]\ndependencies: [r-base=4.4, samtools, {pip: [a]}]\n")
    (request,) = read_requests(
        config(kernels=[{"name": "bio", "environment": str(file)}], channels=["file:///srv/mirror"])
    )
    assert request.recipe.name == "r"
    assert request.packages == ("r-base=4.4", "r-irkernel", "samtools")
    assert request.channels == ("bioconda", "file:///srv/mirror"), "where conda-forge comes from is the config's to say"
    assert request.pip == ("a",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[conda-forge, bioconda]", ("file:///srv/mirror", "https://x.org/y", "bioconda")),
        ("[lab, conda-forge, bioconda]", ("lab", "file:///srv/mirror", "https://x.org/y", "bioconda")),
        ("[bioconda]", ("bioconda", "file:///srv/mirror", "https://x.org/y")),
        ("[]", ("file:///srv/mirror", "https://x.org/y")),
    ],
)
def test_channels_of_a_file_keep_their_order(written: str, meant: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(f"channels: {written}\ndependencies: [samtools]\n")
    entry = {"name": "bio", "environment": str(file)}
    (request,) = read_requests(config(kernels=[entry], channels=["file:///srv/mirror", "https://x.org/y"]))
    assert request.channels == meant


@pytest.mark.parametrize(
    "text",
    [
        "channels: ['https://ada:s3cret@conda.example.org/lab']\ndependencies: [a]\n",
        "channels: ['https://conda.example.org/t/s3cret/lab']\ndependencies: [a]\n",
        "dependencies: ['https://ada:s3cret@conda.example.org/lab::a']\n",
        "dependencies: [python, {pip: ['a @ https://ada:s3cret@pypi.example.org/a.whl']}]\n",
    ],
)
def test_credentials_are_not_for_files_that_everybody_reads(text: str, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text(text)
    with pytest.raises(ConfigProblem, match="has credentials in it") as caught:
        read_environment_file(file)
    assert "s3cret" not in caught.value.what
    assert "/etc/jupyterhub/secrets/channels.json" in caught.value.hint


def test_nor_for_a_lock(tmp_path: Path) -> None:
    channels = ("https://ada:s3cret@conda.example.org/lab",)
    lock = Lock(platform="linux-64", records=())
    file = tmp_path / "python.lock"
    file.write_text(LockFile(recipe=read_recipe("python"), channels=channels, packages=(), pip=(), lock=lock).text())
    with pytest.raises(ConfigProblem, match="has credentials in it"):
        read_lock_file(file)


def test_two_kernels_can_not_be_one_kernelspec() -> None:
    with pytest.raises(ConfigProblem, match="python3"):
        read_requests(config(kernels=["python", {"name": "python3", "packages": ["numpy"]}]))


def test_a_request_changes_its_id_with_what_it_asks_for_and_not_with_how_that_is_written() -> None:
    plain, written_out, other = (
        read_requests(config(kernels=[entry]))[0].id
        for entry in ("r", {"name": "r", "recipe": "r"}, {"name": "r", "packages": ["r-cli"]})
    )
    assert plain == written_out
    assert plain != other


# --- kernelspecs ---------------------------------------------------------------------------------
def made(recipe: str, activation: dict[str, str] | None = None) -> dict[str, object]:
    (request,) = read_requests(config(kernels=[recipe]))
    prefix = Path("/opt/jupyter/kernels") / recipe / "0123456789ab"
    text = kernel_json(request, prefix, "3.13.5", activation or {})
    read: dict[str, object] = json.loads(text)
    return read


@pytest.mark.parametrize("recipe", ["go", "julia", "octave", "python", "r"])
def test_a_kernelspec_names_its_revision_and_nothing_is_left_to_fill_in(recipe: str) -> None:
    spec = made(recipe)
    assert f"/opt/jupyter/kernels/{recipe}/0123456789ab/bin" in json.dumps(spec["argv"])
    for unfilled in ("{prefix}", "{name}", "{version}", "{scratch}"):
        assert unfilled not in json.dumps(spec)
    environment = spec["env"]
    assert isinstance(environment, dict)
    assert environment["PATH"].startswith(f"/opt/jupyter/kernels/{recipe}/0123456789ab/bin:")
    assert environment["PATH"].endswith(":${PATH}")


def test_activation_is_baked_in_and_the_recipe_has_the_last_word() -> None:
    spec = made("julia", {"JULIA_PROJECT": "@conda", "JULIA_SSL_CA_ROOTS_PATH": "/x", "PATH": "/evil"})
    environment = spec["env"]
    assert isinstance(environment, dict)
    assert "JULIA_PROJECT" not in environment
    assert environment["JULIA_SSL_CA_ROOTS_PATH"] == "/x"
    assert "/evil" not in environment["PATH"]


def test_a_persons_directories_are_there_before_the_kernel_also_in_an_odd_home(tmp_path: Path) -> None:
    home = tmp_path / 'odd $(touch x) "home"'
    home.mkdir()
    argv = made("python")["argv"]
    assert isinstance(argv, list)
    shell = [*argv[: argv.index("/opt/jupyter/kernels/python/0123456789ab/bin/python")], "/bin/echo", "started"]
    done = subprocess.run(
        shell,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout == "started\n"
    assert (home / ".local/share/jupyter-kernels/python/lib/python3.13/site-packages").is_dir()
    assert not (tmp_path / "x").exists()


def test_a_home_that_takes_no_more_files_still_gets_a_kernel() -> None:
    argv = made("python")["argv"]
    assert isinstance(argv, list)
    shell = [*argv[: argv.index("/opt/jupyter/kernels/python/0123456789ab/bin/python")], "/bin/echo", "started"]
    done = subprocess.run(
        shell, env={"HOME": "/proc/none", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "started\n"


def test_recipes_are_strict_about_what_they_say() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Recipe.model_validate({**read_recipe("r").model_dump(), "argv": []})
