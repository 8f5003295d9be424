"""The examples in the documentation are run, and everything public has some words."""

import doctest
import inspect

import stream_v2 as sv2
import stream_v2.parts


def test_examples_give_what_they_say():
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    parser = doctest.DocTestParser()
    documented = {"stream_v2": sv2.__doc__}
    for name in sv2.__all__:
        documented[name] = inspect.getdoc(getattr(sv2, name)) or ""
    documented["stream_v2.parts"] = sv2.parts.__doc__
    ran = 0
    for name, text in documented.items():
        names = vars(sv2) | (vars(sv2.parts) if name.endswith("parts") else {})
        test = parser.get_doctest(text, dict(names), name, None, 0)
        ran += len(test.examples)
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
    assert ran > 25


def test_everything_public_is_documented():
    bare = []
    for name in sv2.__all__:
        thing = getattr(sv2, name)
        if name != "__version__" and not (thing.__doc__ or "").strip():
            bare.append(name)
        if inspect.isclass(thing) and thing.__module__.startswith("stream_v2"):
            for member, value in vars(thing).items():
                if not member.startswith("_") and not (getattr(value, "__doc__", "") or "").strip():
                    bare.append(f"{name}.{member}")
    assert bare == []


def test_help_reads_well():
    import pydoc

    text = pydoc.plain(pydoc.render_doc(sv2))
    assert "sv2::s3://" in text and "NativeReader" not in text
    assert "encrypt(source, sink=None, *, to=None" in text
