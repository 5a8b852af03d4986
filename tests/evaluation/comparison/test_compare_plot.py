"""The picture of a comparison: its curves, error bars and horizontal lines, and that it can be made again."""

import pytest
from matplotlib.container import ErrorbarContainer

from mgcm_fairseq.evaluation.comparison.plot import draw, plot


def spread(mean, std=None, n=1):
    return {"mean": mean, "std": std, "n": n}


def point(name, value, bleu, lagging, aware=None):
    return {"name": name, "policy": "wait-k", "point": value, "BLEU": bleu, "AL": lagging,
            **({"AL_CA": aware} if aware else {})}


@pytest.fixture
def comparison():
    return {"latency": "AL", "differing": {}, "bootstrap": {"sentences": 60},
            "offline": [{"name": "a", "decoding": "greedy", "BLEU": spread(25.0)},
                        {"name": "b", "decoding": "greedy", "BLEU": spread(None, n=0)}],
            "points": [point("a", 3, spread(20.0, 1.0, 2), spread(1500.0, 100.0, 2), spread(1700.0, 90.0, 2)),
                       point("a", 0.5, spread(15.0, 0.5, 2), spread(900.0, 50.0, 2), spread(1000.0, 40.0, 2)),
                       point("b", 1, spread(17.0), spread(1100.0)), point("b", 9, spread(0.0), spread(None, n=0))]}


def test_curves(comparison):
    [axes] = draw(comparison).axes
    curves = [(container.lines[0], container) for container in axes.containers
              if isinstance(container, ErrorbarContainer)]
    assert [line.get_xdata().tolist() for line, _ in curves] == [[900, 1500], [1000, 1700], [1100]]
    assert [line.get_ydata().tolist() for line, _ in curves] == [[15, 20], [15, 20], [17]]
    assert [line.get_linestyle() for line, _ in curves] == ["-", "--", "-"]
    plain, aware, other = (line.get_color() for line, _ in curves)
    assert plain == aware != other
    assert [(container.has_xerr, container.has_yerr) for _, container in curves] == [(True, True), (True, True),
                                                                                     (False, False)]
    bars_of = [bars.get_segments() for bars in curves[0][1].lines[2]]
    assert [line[:, 0].tolist() for line in bars_of[0]] == [[850, 950], [1400, 1600]]
    assert [line[:, 1].tolist() for line in bars_of[1]] == [[14.5, 15.5], [19, 21]]


def test_a_point_whose_latency_is_of_fewer_seeds_is_not_drawn(comparison):
    comparison["points"][0]["AL"] = spread(1500.0, n=1)
    [axes] = draw(comparison).axes
    plain, aware = (container.lines[0].get_xdata().tolist() for container in axes.containers[:2])
    assert (plain, aware) == ([900], [1000, 1700])


def test_options_that_differ_at_many_points_are_one_word_of_the_title(comparison):
    comparison["differing"] = {"dtype": {}, **{f"options of wait-k {point}": {} for point in range(9)}}
    [axes] = draw(comparison).axes
    texts = [text.get_text() for text in axes.texts]
    assert any("Settings differ: dtype, options.\n" in text for text in texts)


def test_labels(comparison):
    figure = draw(comparison)
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts[:5]] == ["0.5", "3", "0.5", "3", "1"]
    assert axes.get_xlabel() == "AL (ms)"
    [legend] = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {"a, wait-k", "b, wait-k", "a, offline greedy: 25.0"}


def test_without_any_latency_there_is_no_legend(comparison):
    assert draw({**comparison, "points": [point("b", 9, spread(0.0), spread(None, n=0))], "offline": []}).legends == []


def test_nine_curves_look_different(comparison):
    comparison["points"] = [point(str(number), 1, spread(10.0), spread(1000.0)) for number in range(9)]
    comparison["offline"] = []
    [axes] = draw(comparison).axes
    assert len({(line.get_color(), line.get_marker()) for line, *_ in (one.lines for one in axes.containers)}) == 9


def test_files_are_the_same_each_time(comparison, tmp_path):
    def written():
        plot(comparison, tmp_path)
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    first = written()
    assert sorted(first) == ["curves.png", "curves.svg"]
    assert first["curves.png"].startswith(b"\x89PNG")
    assert b"<dc:date>" not in first["curves.svg"]
    assert written() == first
