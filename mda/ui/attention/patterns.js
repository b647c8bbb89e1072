// A head's attention at the steps of a sequence, as Python packed it: see `Frames` in viewer.py.

/** Gives for each step the keys of a query and the queries of a key as lists of [token, weight in a byte]. */
function patternsOf(data) {
  const size = data.tokens.length;
  const strongest = data.strongest; // keys of each query; 0 where patterns are whole
  const bytes = bytesOf(data.patterns);
  const length = strongest ? size * (3 * strongest + 1) : (size * (size + 1)) / 2;

  function whole(start) {
    const at = (query, key) => bytes[start + (query * (query + 1)) / 2 + key];
    return {
      at,
      keys: (query) => list(0, query + 1, (key) => at(query, key)),
      queries: (key) => list(key + 1, size, (query) => at(query, key)),
      share: () => 1,
    };
  }

  function sparse(start) {
    const weights = start + 2 * size * strongest;
    const keyAt = (slot) => bytes[start + 2 * slot] + 256 * bytes[start + 2 * slot + 1];
    const at = (query, key) => {
      for (let slot = query * strongest; slot < (query + 1) * strongest; slot++) {
        if (keyAt(slot) === key) return bytes[weights + slot];
      }
      return 0;
    };
    return {
      at,
      keys: (query) => {
        const first = query * strongest;
        return list(first, first + strongest, (slot) => bytes[weights + slot]).map(([slot, weight]) => [
          keyAt(slot),
          weight,
        ]);
      },
      queries: (key) => list(key + 1, size, (query) => at(query, key)),
      share: (query) => bytes[weights + size * strongest + query] / 255,
    };
  }

  return data.steps.map((_, step) => (strongest ? sparse : whole)(step * length));
}

/** [place, weight] for the places first, …, last - 1 that have any weight. */
function list(first, last, weightAt) {
  const found = [];
  for (let place = first; place < last; place++) {
    const weight = weightAt(place);
    if (weight > 0) found.push([place, weight]);
  }
  return found;
}

/** For each token the place after the latest earlier token of the same id; -1 where there is none. */
function followersOf(ids) {
  const latest = new Map();
  return ids.map((id, place) => {
    const earlier = latest.get(id);
    latest.set(id, place);
    return earlier === undefined ? -1 : earlier + 1;
  });
}

/** The token to begin with: of those in sight the one that looks hardest at what followed it last time. */
function tellingToken(followers, pattern) {
  const seen = Math.min(followers.length, 160);
  let [found, most] = [seen - 1, 0];
  for (let token = 0; token < seen; token++) {
    const weight = followers[token] < 0 ? 0 : pattern.at(token, followers[token]);
    if (weight > most) [found, most] = [token, weight];
  }
  return found;
}

function weightText(byte) {
  return byte < 3 ? "<0.01" : (byte / 255).toFixed(2);
}
