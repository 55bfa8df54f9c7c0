"""What a person types into a notebook of each language, and what is to come of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A cell, and what its outcome has in it."""

    code: str
    expect: str


@dataclass(frozen=True)
class Language:
    """One language's cells. Each prints or shows what it does by the language's usual means.

    name, file_extension: as kernel_info tells them.
    output, complaint: print 42 and `careful`, the latter to stderr. mistake: ends in an error with that name.
    keep, kept: something is remembered from one cell to the next.
    endless: prints `going`, then loops until it is interrupted.
    completion: the beginning of a name, and the name. plot: draws; expect is the MIME type of the picture.
    question: asks the person `who?`, and greets them; None where the kernel can't ask.
    terminal: whether the kernel is a terminal in which the language runs, which knows neither stderr nor errors.
    """

    name: str
    file_extension: str
    output: str
    complaint: str
    mistake: Cell
    keep: str
    kept: Cell
    endless: str
    completion: Cell
    plot: Cell
    question: str | None
    terminal: bool = False


LANGUAGES = {
    "go": Language(
        "go",
        ".go",
        output='import "fmt"\n%%\nfmt.Println(6 * 7)',
        complaint='import ("fmt"; "os")\n%%\nfmt.Fprintln(os.Stderr, "careful")',
        mistake=Cell('%%\npanic("too bad")', "too bad"),
        keep="const remembered = 41",
        kept=Cell("%%\nfmt.Println(remembered + 1)", "42"),
        # Go's programs end by themselves if nothing can wake them, hence the output.
        endless='import ("fmt"; "time")\n%%\nfmt.Println("going")\nfor { time.Sleep(time.Millisecond) }',
        completion=Cell('import "fmt"\n%%\nfmt.Printl', "Println"),
        # By a package that comes with the kernel, which fetches it for the cell.
        plot=Cell(
            'import ("image"; "github.com/janpfeifer/gonb/gonbui")\n%%\n'
            "gonbui.DisplayImage(image.NewGray(image.Rect(0, 0, 9, 9)))",
            "image/png",
        ),
        # Its programs read nothing: the kernel asks for what shell commands read, and for that alone.
        question=None,
    ),
    "python": Language(
        "python",
        ".py",
        output="print(6 * 7)",
        complaint="import sys\nprint('careful', file=sys.stderr)",
        mistake=Cell("1 / 0", "ZeroDivisionError: division by zero"),
        keep="remembered = 41",
        kept=Cell("print(remembered + 1)", "42"),
        endless="print('going', flush=True)\nwhile True: pass",
        completion=Cell("import os\nos.getpi", "getpid"),
        plot=Cell("import matplotlib.pyplot as plt\nplt.plot([1, 4, 9]);", "image/png"),
        question="print('hello', input('who? '))",
    ),
    "r": Language(
        "R",
        ".r",
        output="cat(6 * 7)",
        complaint="message('careful')",
        mistake=Cell("stop('too bad')", "too bad"),
        keep="remembered <- 41",
        kept=Cell("cat(remembered + 1)", "42"),
        endless="cat('going')\nrepeat remembered <- 41",
        completion=Cell("Sys.getpi", "Sys.getpid"),
        plot=Cell("plot(1:10)", "image/png"),
        question="cat('hello', readline('who? '))",
    ),
    "octave": Language(
        "octave",
        ".m",
        output='printf("%d\\n", 6 * 7)',
        complaint='fprintf(stderr, "careful\\n")',
        mistake=Cell('error("too bad")', "too bad"),
        keep="remembered = 41;",
        kept=Cell('printf("%d\\n", remembered + 1)', "42"),
        endless='disp("going"); fflush(stdout); while true, remembered = 41; end',
        completion=Cell("linspac", "linspace"),
        plot=Cell("plot(1:10)", "image/png"),
        question='printf("hello %s\\n", input("who? ", "s"))',
        terminal=True,
    ),
    # The stand-in's own words as far as the kernel's are concerned (see machine_kernels); the Julia in it is real.
    "julia": Language(
        "julia",
        ".jl",
        output="println(6 * 7)",
        complaint='println(stderr, "careful")',
        mistake=Cell('error("too bad")', "ErrorException: too bad"),
        keep="remembered = 41",
        kept=Cell("println(remembered + 1)", "42"),
        # The stand-in interrupts where tasks are switched, hence the sleep.
        endless='println("going"); while true; sleep(0.001); end',
        completion=Cell("printl", "println"),
        # No package that draws is at hand: a picture of one's own, through Julia's display system.
        plot=Cell(
            'struct Picture end\nBase.show(io::IO, ::MIME"image/svg+xml", ::Picture) = print(io, "<svg/>")\n'
            "display(Picture())",
            "image/svg+xml",
        ),
        question=None,
    ),
}
