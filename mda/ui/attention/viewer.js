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
    part("viewer").style.setProperty("--shaded", scale.shade[128]);
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

  view.leave = () => {
    player?.leave();
    strip?.leave();
  };
  view.group = () => data && `${data.group} ${data.sequence}`;
  view.steps = () => data.steps.join();

  function build(otherTokens) {
    view.leave();
    patterns = patternsOf(data);
    const followers = followersOf(data.ids);
    if (otherTokens) {
      const peer = peers().find((other) => other !== view);
      view.token = peer?.token ?? data.focus ?? tellingToken(followers, patterns[data.selected]);
      view.pinned = peer?.pinned ?? false;
    }
    part("strip").style.maxHeight = `${data.height}px`;
    strip = makeStrip(part("strip"), data, followers, hovered, pinned);
    const whole = data.strongest === 0;
    part("matrix").hidden = !whole;
    part("long").hidden = whole;
    if (whole) matrix = makeMatrix(part("plot"), data, pointed, pinned);
    player = makePlayer(part("player"), data, played, (index) => trigger("step", data.steps[index]));
  }

  function refresh() {
    player.go(view.index, scale);
    part("title").textContent = data.head;
    part("step").textContent = stepText(data, view.index);
    if (data.strongest === 0) matrix.draw(patterns[view.index], scale);
    else part("long").textContent = whyNoMatrix(data, patterns[view.index]);
    mark();
  }

  function mark(key) {
    const pattern = patterns[view.index];
    strip.mark(view.token, pattern, scale, view.pinned);
    if (data.strongest === 0) matrix.point(view.token, key);
    const [looks, looked] = inWords(pattern, view.token, key, data);
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

function whyNoMatrix(data, pattern) {
  const shares = data.tokens.map((_, token) => 100 * pattern.share(token));
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return (
    `${data.tokens.length.toLocaleString("en")} tokens are too many for a matrix that could be read. ` +
    `Shown are the ${data.strongest} strongest keys a token: ${Math.round(mean)} % of its attention on average, ` +
    `${Math.round(Math.min(...shares))} % at least.`
  );
}

/** [where the token looks, who looks at it], each a sentence; of one key where one is pointed at. */
function inWords(pattern, token, key, data) {
  const name = (i) => `${i} ${quoted(data.tokens[i])}`;
  const some = (found) => {
    const told = [...found].sort((a, b) => b[1] - a[1]).filter(([, weight], i) => weight > 2 || i === 0);
    const names = told.slice(0, 4).map(([i, weight]) => `${name(i)} ${weightText(weight)}`);
    return names.join(", ") + (told.length > 4 ? " …" : "");
  };
  const keys = pattern.keys(token);
  const queries = pattern.queries(token);
  const share = data.strongest
    ? ` (${Math.min(data.strongest, token + 1)} strongest keys: ${Math.round(100 * pattern.share(token))} % of its attention)`
    : "";
  const pointed = key !== undefined && key <= token;
  return [
    pointed
      ? `token ${name(token)} gives ${name(key)} ${weightText(pattern.at(token, key))} of its attention`
      : `token ${name(token)} looks at ${keys.length ? some(keys) : "no key in particular"}${share}`,
    `looked at by ${queries.length ? some(queries) : "no later token"}`,
  ];
}
