// One head on one sequence. `data` is what `packed` in viewer.py makes; the page hears of a chosen step alone.

const views = new WeakMap(); // by the component's root: Streamlit calls again whenever data or theme change
const linked = new Set(); // viewers on the page; those of one group show the same token and play together

export default function (component) {
  const { data, parentElement: root } = component;
  const view = views.get(root) ?? makeView(root);
  views.set(root, view);
  linked.add(view);
  view.update(data, component.setTriggerValue);
  return () => {
    linked.delete(view);
    view.leave();
  };
}

function makeView(root) {
  const part = (name) => root.querySelector(`.${name}`);
  const view = { token: 0, pinned: false, index: 0 };
  let data, scale, patterns, strip, matrix, player, trigger;

  view.update = (given, setTriggerValue) => {
    trigger = setTriggerValue;
    scale = scaleOf(part("viewer"), given.colour);
    part("viewer").style.setProperty("--head", given.colour);
    part("gradient").style.background =
      `linear-gradient(to right, ${scale.fill.map((rgb) => `rgb(${rgb.join(" ")})`).join(", ")})`;
    const other = data?.digest !== given.digest;
    const otherTokens = data?.sequence !== given.sequence;
    const otherStep = data?.selected !== given.selected;
    data = given;
    if (other) build(otherTokens);
    if (other || (otherStep && !player.playing())) view.index = data.selected;
    refresh();
  };

  view.leave = () => player?.leave();
  view.group = () => data && `${data.group} ${data.sequence}`;
  view.steps = () => data.steps.join();

  function build(otherTokens) {
    player?.leave();
    patterns = patternsOf(data);
    if (otherTokens) [view.token, view.pinned] = [data.focus, false];
    part("strip").style.maxHeight = `${data.height}px`;
    strip = makeStrip(part("strip"), data, hovered, pinned);
    const whole = data.strongest === 0;
    part("matrix").hidden = !whole;
    part("long").hidden = whole;
    part("pictured").textContent = whole ? "" : `${data.tokens.length.toLocaleString("en")} tokens`;
    if (whole) matrix = makeMatrix(part("plot"), data, pointed, pinned);
    player = makePlayer(part("player"), data, played, (index) => trigger("step", data.steps[index]));
  }

  function refresh() {
    player.go(view.index, scale);
    part("title").textContent = `${data.head} · step ${data.steps[view.index].toLocaleString("en")}`;
    part("score").textContent = scoreText(data, view.index);
    if (data.strongest === 0) matrix.draw(patterns[view.index], scale);
    mark();
  }

  function mark(key) {
    const pattern = patterns[view.index];
    strip.mark(view.token, pattern, scale, view.pinned);
    if (data.strongest === 0) matrix.point(view.token, key);
    const [looks, looked] = inWords(pattern, view.token, data);
    part("looks").textContent = looks;
    part("looked").textContent = looked;
  }

  function peers() {
    return [...linked].filter((other) => other === view || other.group() === view.group());
  }

  view.move = (token, pin, key) => {
    [view.token, view.pinned] = [token, pin];
    mark(key);
  };
  view.play = (index) => {
    view.index = index;
    refresh();
  };
  view.reveal = () => strip.reveal(view.token);

  function hovered(token, focused) {
    if (token === view.token || (view.pinned && !focused)) return;
    peers().forEach((peer) => peer.move(token, view.pinned));
    peers().forEach((peer) => peer !== view && peer.reveal());
  }
  function pointed(query, key) {
    if (view.pinned && query !== view.token) return;
    peers().forEach((peer) => peer.move(query, view.pinned, key));
    peers().forEach((peer) => peer.reveal());
  }
  function pinned(token) {
    const off = token === undefined || (view.pinned && token === view.token);
    peers().forEach((peer) => peer.move(token ?? view.token, !off));
  }
  function played(index) {
    const together = peers().filter((peer) => peer.steps() === view.steps());
    together.forEach((peer) => peer.play(index));
  }

  return view;
}

/** [where the token looks, who looks at it], each a sentence. */
function inWords(pattern, token, data) {
  const some = (found) => {
    const told = found.toSorted((a, b) => b[1] - a[1]).filter(([, weight], i) => weight > 2 || i === 0);
    const names = told.slice(0, 4).map(([i, weight]) => `${i} ${quoted(data.tokens[i])} ${weightText(weight)}`);
    return names.join(", ") + (told.length > 4 ? " …" : "");
  };
  const keys = pattern.keys(token);
  const queries = pattern.queries(token);
  const share = data.strongest
    ? ` (${Math.min(data.strongest, token + 1)} strongest keys: ${Math.round(100 * pattern.share(token))} % of its attention)`
    : "";
  return [
    `token ${token} ${quoted(data.tokens[token])} looks at ${keys.length ? some(keys) : "no key in particular"}${share}`,
    `looked at by ${queries.length ? some(queries) : "no later token"}`,
  ];
}
