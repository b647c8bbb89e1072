"""Samples of each kind of text, written for these tests in the way that such texts are written."""

import json

PROSE = """When the ferry came in at last, the harbour was already dark. Two men from the office stood under
the lamp and counted the crates as they were carried past, and nobody said a word about the storm. It had been the
worst in years. The old woman who sold fish by the steps told anyone who would listen that her roof was gone, and
that she meant to have it back before the winter, whatever the insurance people might say about it.

"You will see," she said. "They always pay in the end." Nobody believed her, but it was kind to nod.
"""

GERMAN = """Als die Fähre endlich anlegte, war es im Hafen schon dunkel. Zwei Männer aus dem Büro standen unter der
Laterne und zählten die Kisten, die an ihnen vorbei getragen wurden, und niemand sprach über den Sturm. Es war der
schlimmste seit Jahren gewesen, und die Frau an der Treppe sagte, dass ihr Dach nicht mehr zu finden sei.
"""

FRENCH = """Quand le bateau est enfin arrivé, il faisait déjà nuit sur le port. Deux hommes du bureau comptaient
les caisses sous la lampe, et personne ne parlait de la tempête. C'était la pire depuis des années, disait la
vieille femme qui vendait du poisson près des marches, et son toit n'était plus là pour le prouver.
"""

RUSSIAN = """Когда паром наконец причалил, в гавани было уже темно. Двое мужчин из конторы стояли под фонарём и
считали ящики, и никто не говорил о буре. Старуха, торговавшая рыбой, сказала, что крыши у неё больше нет.
"""

CHINESE = "渡船终于靠岸的时候，港口已经黑了。办公室的两个男人站在灯下数着箱子，没有人提起那场风暴。\n" * 3

PYTHON = '''class Ferry:
    def __init__(self, name, crates=0):
        self.name = name
        self.crates = crates

    def load(self, weights):
        for weight in weights:
            if weight > MAX_WEIGHT or not self.has_room():
                raise ValueError(f"too heavy: {weight}")
            self.crates += 1
        return self.crates


def unload(ferry: Ferry) -> list[int]:
    """Take all crates off."""
    return [ferry.take(i) for i in range(ferry.crates)]
'''

C = """#include <stdio.h>
#define MAX_CRATES 64

static int count_crates(const struct ferry *f)
{
    int i, total = 0;
    for (i = 0; i < MAX_CRATES; i++) {
        if (f->crates[i] != NULL)
            total += f->crates[i]->weight;
    }
    return total;   /* in kilograms */
}
"""

LATEX = r"""\begin{theorem}
Let $f \colon X \to Y$ be continuous. Then $f(K)$ is compact for every compact $K \subseteq X$.
\end{theorem}
\begin{equation}
  \int_0^\infty e^{-x^2} \, dx = \frac{\sqrt{\pi}}{2}, \qquad \sum_{k=1}^{n} k = \frac{n(n+1)}{2}.
\end{equation}
"""

HTML = """<div class="notice">
  <h2>Timetable</h2>
  <p>The ferry leaves at <b>nine</b>.</p>
  <ul>
    <li><a href="/north.html">North pier</a></li>
    <li><a href="/south.html">South pier</a> &amp; market</li>
  </ul>
</div>
"""

JSON = json.dumps(
    [{"name": f"pier {i}", "open": i % 2 == 0, "depth": i / 4, "berths": [1, 2, None]} for i in range(6)], indent=2
)

INI = """[harbour]
name = North Quay
berths = 12
night_shift = false

[prices]
currency = EUR
per_crate = 4.50
"""

CSV = """date,berth,ship,crates,weight
2019-03-01,4,Aurora,112,5310.5
2019-03-01,7,Petrel,40,1822.0
2019-03-02,4,Aurora,98,4710.25
2019-03-03,1,Skua,,
2019-03-03,2,Gannet,77,3390.0
"""

ALIGNED = """berth   ship      crates    weight
    4   Aurora       112    5310.5
    7   Petrel        40    1822.0
    4   Aurora        98    4710.2
    2   Gannet        77    3390.0
"""

LOG = """2019-03-01 04:12:09,113 INFO harbour.gate: opened by shift 2
2019-03-01 04:12:10,002 WARNING harbour.crane: slow response (1840 ms)
2019-03-01 04:15:44,871 ERROR harbour.crane: no response
Traceback (most recent call last):
  File "/opt/harbour/crane.py", line 88, in lift
    self.motor.start()
TimeoutError: motor
2019-03-01 04:15:50,119 INFO harbour.crane: restarted
"""

LIST = """Things to bring:

- rope, at least thirty metres
- two lamps
- oil for the lamps
- bread
- a knife
- dry matches

1. Morning shift
2. Noon shift
3. Night shift
"""

NUMBERS = """What is 4183 + -291?
3892
Calculate 17*(-4082).
-69394
12 * 7 - 3 = 81
3.5 + 2.25 = 5.75
144 / 12 = 12
"""

BASE64 = "\n".join(["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0Vni4"] * 8)

SAMPLES = [
    ("prose", PROSE),
    ("other language", GERMAN),
    ("other language", FRENCH),
    ("other language", RUSSIAN),
    ("other language", CHINESE),
    ("code", PYTHON),
    ("code", C),
    ("latex", LATEX),
    ("markup", HTML),
    ("key-value", JSON),
    ("key-value", INI),
    ("table", CSV),
    ("table", ALIGNED),
    ("log", LOG),
    ("list", LIST),
    ("numbers", NUMBERS),
    ("other", BASE64),
]
