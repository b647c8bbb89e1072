// The pattern as a picture: queries down, keys across.

/** tell(query, key) is called as the pointer moves, pin(query) when a place is clicked. */
function makeMatrix(box, data, tell, pin) {
  const size = data.tokens.length;
  const canvas = box.querySelector("canvas");
  const [line, column] = ["line", "column"].map((name) => box.querySelector(`.${name}`));
  canvas.width = canvas.height = size;
  for (const old of box.querySelectorAll(".boundary")) old.remove();
  for (const place of data.copies.slice(1)) {
    for (const side of ["top", "left"]) {
      const rule = element("div", `boundary ${side}`);
      rule.style[side] = `${(100 * place) / size}%`;
      box.append(rule);
    }
  }

  const place = (event) => {
    const view = canvas.getBoundingClientRect();
    const bounded = (share) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    return [
      bounded((event.clientY - view.top) / view.height),
      bounded((event.clientX - view.left) / view.width),
    ];
  };
  canvas.onpointermove = (event) => tell(...place(event));
  canvas.onclick = (event) => pin(place(event)[0]);

  function draw(pattern, scale) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(size, size); // transparent where a key is after its query
    const pixels = new Uint32Array(image.data.buffer);
    for (let query = 0; query < size; query++) {
      for (let key = 0; key <= query; key++) {
        pixels[query * size + key] = scale.pixels[pattern.at(query, key)];
      }
    }
    context.putImageData(image, 0, 0);
  }

  function point(query, key) {
    line.style.top = `${(100 * query) / size}%`;
    line.style.height = column.style.width = `${100 / size}%`;
    column.hidden = key === undefined || key > query;
    if (!column.hidden) column.style.left = `${(100 * key) / size}%`;
  }

  return { draw, point };
}
