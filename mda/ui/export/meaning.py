"""What influence scores mean, for readers who have never seen one."""

from __future__ import annotations

MEANING = """<ul>
<li>A score estimates, to first order and at one checkpoint, how one more training step on a row would move the
probe, through the chosen heads' weights alone:
<code>I(z) = &minus; &lt; grad L(z), (H + damping)<sup>&minus;1</sup> grad f &gt;</code>.
<b>Positive: training on the row promotes the behaviour.</b> It is not what the row did over the whole of
training.</li>
<li>The probe decides what is found. Attention to the matching token is about the head; the log-probability of a
repeated copy is about everything that makes copied tokens likely. Their rankings differ.</li>
<li>Reliability is the rank agreement between two halves of the probe's sequences, and between two fits of the
curvature. Where it is low, single rows are not to be trusted. Where it is high, the ranking is stable, which does
not make it true: for that, rows are removed and the model is trained again.</li>
<li>Removing the top rows always removes a kind of text as well. Read an effect against its controls: as many rows
at random, of the same kinds, and of the same kinds and repetition. A score that beats only the first has found no
more than a kind of text.</li>
<li>A delay is the number of steps by which a head reaches half of the baseline's final score later. Its
interval is a bootstrap over replicates; with three of them it is little more than their range. &ldquo;At
least&rdquo; marks a head that did not get there before training ended.</li>
<li>This is one study, with one initial seed: a demonstration, not a law.</li>
</ul>"""
