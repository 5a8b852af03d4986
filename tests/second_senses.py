"""Second senses that a word of the glossary could take on anywhere, for tests/test_words.py.

How a term begins -> a pattern of its second senses, in which a space is any white space, and what to write instead.
"""

SECOND_SENSES = {
    "run": (
        r"runs? of (\w+ )?(frames|blanks|labels|boundaries)|(ctc|frame|boundary|label) runs|run (ids|counts)",
        "streak"),
    "shorten": (
        r"(speech|frames|states?|nothing) (that |which |is |are |was |were |ctc )*shorten(s|ed)|"
        r"shorten(s|ed|ing)? (the )?speech", "shrink"),
    "block": (
        r"(bash|python|code|console|fenced|indented) blocks?|blocks? of (text|code|lines|rows|commands)|"
        r"(transformer|residual|(post|pre).norm|attention|building) blocks?", "fence, lines, layer"),
    "window": (r"windows? of the browser|(browser|pop.?up|terminal|sliding|context) windows?", "page, span"),
    "place": (
        r"in the first place|(takes?|took|taking) place|"
        r"(its|their|the) place in (seconds|a clone|the audio|the file)|decimal places?", "path, digit"),
    "worker": (
        r"(?<!\d\s)worker process(es)?|workers? (of|in) (the )?(preparation|conversion|evaluation|loader)|"
        r"(conversion|preparation|evaluation|(?<!data\s)loader)(, \d+)? workers?", "process"),
    "sample": (
        r"samples? of (mutants|utterances|options|texts|trainings)|(fresh|random|representative) samples?|"
        r"sample (text|file|code|output|corpus|size of)", "draw, example"),
    "rule": (
        r"policy, a rule|policy: a rule|rule of thumb|as a rule|grammar rules?|"
        r"rules? of (grammar|the grammar|fairseq|pip)|(fairseq|simuleval|pip).s own rules|"
        r"rule that (decides|says) when", "what decides, way"),
    "piece": (r"pieces? of (audio|sound|speech|code|work|the (recording|file|talk))|(audio|sound) pieces?", "part"),
    "stage": (
        r"(first|second|last|next) stage of (the )?(training|preparation|demo|recipe|row)|"
        r"stages? of (the )?(training|preparation|evaluation|demo|recipe|pipeline)|(pipeline|training) stages?",
        "step"),
    "segment": (
        r"segments? of (text|code|memory|the (text|talk|file))|(file|code|memory) segments?|segmented bleu",
        "sentence, part"),
    "frame": (r"(video|stack|web ?socket|tcp) frames?", "picture, call, message"),
    "lag": (
        r"lags behind|lagging behind|(network|clock|server|machine|human) lags?|"
        r"lag of (the )?(network|clock|server|page)", "is behind, delay"),
    "engine": (r"(search|rendering|browser|database|fuzzing|inference|template) engines?", "program"),
    "conflict": (
        r"(merge|version|name|git|dependency) conflicts?|"
        r"conflicts? (of|between) (names|versions|options|packages|keys)|options? (that|which) conflict|"
        r"conflicting (options?|versions?|names?)", "do not go together"),
    "update": (
        r"(security|software|package) updates?|updates? (of )?the (page|docs|package|environment|readme)|"
        r"(apt|pip).get update", "change, newer version"),
    "signature": (
        r"(function|method|call|type|digital)(.s)? signatures?|"
        r"signatures? of (a |the )?(function|method|call|class)", "arguments"),
    "boundar": (
        r"(word|line|file|page|shard|process) boundar(y|ies)|"
        r"boundar(y|ies) (of|between) (files|lines|words|pages|rooms)", "end"),
    "scope": (
        r"(variable|function|lexical|project) scopes?|"
        r"scope of (the |this )?(project|page|issue|variable|function)", "where it holds"),
    "polic": (r"(retry|cache|retention|naming|loading) polic(y|ies)", "what decides, way"),
    "talk": (r"talks? to (the )?(server|browser|page|process|device)", "speaks, sends"),
    "component": (
        r"(software|system|network|interface) components?|components? of (the )?(software|system|server)", "part"),
    "recipe": (r"recipes? (for|of) (the )?(demo|learning|disaster)|demo(.s)? recipe|small recipe", "training"),
    "band": (r"(frequency|confidence|error) bands?", "range"),
    "blank": (r"blank (lines?|text|strings?|cells?|fields?|pages?)|(is|are) blank", "empty, space"),
    "onset": (r"onset of (the )?(speech|sentence|sound|talk|utterance)", "beginning"),
    "expectation": (
        r"(beyond|below|above|against|meets?) (all )?expectations?|"
        r"expectations? (of|about) (the )?(user|reader|test|caller)", "what is expected"),
    "history": (
        r"(git|commit|version|browser|shell) history|"
        r"history of (the )?(repository|commits|versions|project|page)", "commits, versions"),
    "memory": (r"(encoder|decoder)'s (?-i:memory)|(?-i:memory) (that|which) cross.attention", "Memory"),
    "consistency": (
        r"for consistency|consistency (checks?|of (the )?(files?|tables?|records?|names?|page))", "agreement"),
    "manifest": (r"(package|app|kubernetes) manifests?|manifest (error|bug)s?", "list"),
    "front.?end": (r"(web|user|browser).front.?ends?|front.?ends? (for|of) the (server|user|browser)", "page"),
    "task": (r"background tasks?|tasks? (queue|runner|list)|(user|reader)(.s)? tasks?", "work, job"),
    "granularit": (r"granularit(y|ies) of (the )?(time|clock|reads|steps|timer)", "step"),
}
