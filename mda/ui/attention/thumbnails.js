// All heads of a step as small pictures; each is a button that chooses its head.

const grids = new WeakMap(); // what the component's root shows, by root

export default function (component) {
  const { data, parentElement: root, setTriggerValue } = component;
  const box = root.querySelector(".scroll");
  const shown = grids.get(root) ?? {};
  grids.set(root, shown);
  shown.choose = (name) => setTriggerValue("head", name);
  box.style.maxHeight = `${data.height}px`;
  box.style.setProperty("--heads", data.heads.at(-1).index + 1);
  if (shown.digest !== data.digest) {
    shown.buttons = makeButtons(box, data, (name) => shown.choose(name));
    shown.digest = data.digest;
  }
  for (const [name, button] of shown.buttons) {
    button.setAttribute("aria-pressed", String(name === data.selected));
    button.tabIndex = name === data.selected ? 0 : -1;
  }
  const bytes = bytesOf(data.pictures);
  const scales = new Map(data.heads.map((head) => [head.colour, null]));
  for (const colour of scales.keys()) scales.set(colour, scaleOf(box, colour));
  data.heads.forEach((head, place) => {
    const canvas = shown.buttons.get(head.name).querySelector("canvas");
    drawPicture(canvas, bytes, place, data.side, scales.get(head.colour));
  });
}

function makeButtons(box, data, choose) {
  const buttons = new Map();
  const lines = [];
  for (const head of data.heads) {
    const button = element("button", "head");
    const score = head.score === null ? "" : head.score.toFixed(2);
    button.type = "button";
    button.setAttribute("aria-label", `${head.name}, ${data.score} ${score || "not computed"}`);
    button.style.setProperty("--head", head.colour);
    const canvas = element("canvas");
    canvas.width = canvas.height = data.side;
    const told = element("span", "told");
    told.append(element("b", "", head.name), element("span", "", score));
    button.append(canvas, told);
    button.onclick = () => choose(head.name);
    button.place = [head.layer, head.index];
    buttons.set(head.name, button);
    if (!lines[head.layer]) {
      lines[head.layer] = element("div", "layer");
      lines[head.layer].setAttribute("role", "group");
      lines[head.layer].setAttribute("aria-label", `Layer ${head.layer}`);
    }
    lines[head.layer].append(button);
  }
  box.replaceChildren(...lines);
  box.onkeydown = (event) => {
    const place = event.target.closest(".head")?.place;
    const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!place || !way) return;
    const next = buttons.get(`L${place[0] + way[0]}H${place[1] + way[1]}`);
    next?.focus();
    event.preventDefault();
  };
  return buttons;
}

/** The picture at a place among `bytes`: what is above its diagonal stays clear. */
function drawPicture(canvas, bytes, place, side, scale) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  for (let line = 0; line < side; line++) {
    for (let column = 0; column <= line; column++) {
      pixels[line * side + column] = scale.pixels[bytes[(place * side + line) * side + column]];
    }
  }
  context.putImageData(image, 0, 0);
}
