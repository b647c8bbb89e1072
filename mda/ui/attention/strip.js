// The sequence as text: one token is current, and its keys and queries are marked around it.

const UNDERLINE = 5; // pixels, of weight 1
const WIDE = 40; // letters beyond which a token may be broken into lines

/** tell(token) is called when the person moves to a token, pin(token) when one is clicked. */
function makeStrip(box, data, followers, tell, pin) {
  const spans = data.tokens.map((text, token) => {
    const span = element("span", text.length > WIDE ? "token wide" : "token");
    const lines = text.split("\n");
    span.ends = lines.at(-1) === ""; // a line: the break goes after the token, or its outline would go there too
    if (span.ends) lines.pop();
    span.append(...lines.flatMap((line, number) => (number ? [element("br"), line] : [line])));
    span.setAttribute("role", "option");
    span.setAttribute("aria-label", `${token} ${quoted(text)}`);
    span.setAttribute("aria-selected", "false");
    span.tabIndex = -1;
    span.token = token;
    return span;
  });
  const copies = new Map(data.copies.map((place, number) => [place, `copy ${number + 1}`]));
  box.replaceChildren(
    ...spans.flatMap((span, token) => {
      const parts = [span, element(span.ends ? "br" : "wbr")];
      if (copies.has(token)) {
        const title = element("div", "copy", copies.get(token));
        title.setAttribute("aria-hidden", "true");
        parts.unshift(title);
      }
      return parts;
    }),
  );
  let current = 0;
  let marked = [];

  const tokenOf = (event) => event.target.closest(".token")?.token;
  box.onpointerover = (event) => {
    const token = tokenOf(event);
    if (token !== undefined && event.pointerType !== "touch") tell(token, false);
  };
  const listening = new AbortController();
  const focused = (event) => {
    const token = tokenOf(event);
    if (token !== undefined && event.target.matches(":focus-visible")) tell(token, true); // not by a click
  };
  box.addEventListener("focusin", focused, { signal: listening.signal });
  box.onclick = (event) => {
    const token = tokenOf(event);
    if (token !== undefined) pin(token);
  };
  box.onkeydown = (event) => {
    const token = tokenOf(event);
    const goal = token === undefined ? undefined : reached(event.key, token);
    if (goal !== undefined) spans[goal].focus();
    else if (event.key === "Enter" || event.key === " ") pin(token);
    else if (event.key === "Escape") pin(undefined);
    else return;
    event.preventDefault();
  };

  function reached(key, token) {
    const last = spans.length - 1;
    if (key === "ArrowLeft") return Math.max(token - 1, 0);
    if (key === "ArrowRight") return Math.min(token + 1, last);
    if (key === "Home") return 0;
    if (key === "End") return last;
    if (key === "ArrowUp") return nextLine(token, -1);
    if (key === "ArrowDown") return nextLine(token, 1);
    return undefined;
  }

  /** The token nearest below or above: of the next line met that way, the one nearest in its horizontal place. */
  function nextLine(token, way) {
    const from = spans[token].getBoundingClientRect();
    const far = (rect) => Math.abs(rect.left - from.left);
    let best = token;
    let line = null;
    let nearest = Infinity;
    for (let place = token + way; place >= 0 && place < spans.length; place += way) {
      const rect = spans[place].getClientRects()[0];
      if (!rect || Math.abs(rect.top - from.top) < 4) continue;
      line ??= rect.top;
      if (Math.abs(rect.top - line) > 4) break;
      if (far(rect) < nearest) [best, nearest] = [place, far(rect)];
    }
    return best;
  }

  /** Colours only: nothing here moves a token. */
  function mark(token, pattern, scale, pinned) {
    for (const span of marked) {
      span.removeAttribute("style");
      span.classList.remove("current", "pinned", "expected");
    }
    const ink = `rgb(${scale.ink.join(" ")})`;
    const keys = pattern.keys(token);
    const queries = pattern.queries(token);
    for (const [key, weight] of keys) spans[key].style.backgroundColor = scale.shade[weight];
    for (const [query, weight] of queries) {
      const height = Math.max(1, Math.round(UNDERLINE * Math.sqrt(weight / 255)));
      spans[query].style.boxShadow = `inset 0 -${height}px 0 0 ${ink}`;
    }
    const expected = followers[token];
    if (expected >= 0) spans[expected].classList.add("expected");
    const now = spans[token];
    now.classList.add(pinned ? "pinned" : "current");
    marked = [...keys, ...queries].map(([place]) => spans[place]);
    marked.push(now, ...(expected >= 0 ? [spans[expected]] : []));
    spans[current].tabIndex = -1;
    spans[current].setAttribute("aria-selected", "false");
    now.tabIndex = 0;
    now.setAttribute("aria-selected", "true");
    current = token;
  }

  /** Scroll the strip, and the strip alone, to a token that is out of sight. */
  function reveal(token) {
    const rect = spans[token].getBoundingClientRect();
    const view = box.getBoundingClientRect();
    if (rect.top < view.top || rect.bottom > view.bottom) {
      box.scrollTop += rect.top - view.top - box.clientHeight / 2;
    }
  }

  return { mark, reveal, leave: () => listening.abort() };
}

/** A token's text in one line and in quotes, cut where it is long. */
function quoted(text) {
  const flat = text.replaceAll("\n", "");
  return `"${flat.length > 24 ? `${flat.slice(0, 24)}…` : flat}"`;
}
