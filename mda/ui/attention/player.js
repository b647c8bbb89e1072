// The steps of a study played one after the other, over the curve of the head's score.

const WHOLE = 9000; // milliseconds from the first step to the last, within bounds a step
const MARGIN = 8; // pixels: half the slider's thumb, so that the curve's point is above it

/** show(index) is called for each frame, report(index) when the person has settled on one. */
function makePlayer(box, data, show, report) {
  const [button, word, slider, curve] = ["button", ".word", "input", "canvas"].map((tag) =>
    box.querySelector(tag),
  );
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const last = data.steps.length - 1;
  const pause = Math.min(600, Math.max(60, WHOLE / (last + 1)));
  let index = 0;
  let timer = null;
  let redraw = () => {};
  const resized = new ResizeObserver(() => redraw());
  resized.observe(curve);
  box.hidden = last < 1;
  slider.max = last;

  function label() {
    button.classList.toggle("plays", timer !== null);
    word.textContent = timer !== null ? "Pause" : calm.matches ? "Next step" : "Play";
  }

  function go(next, scale) {
    index = next;
    slider.value = next;
    slider.setAttribute("aria-valuetext", stepText(data, next));
    label();
    redraw = () => drawCurve(curve, data, next, scale);
    redraw();
  }

  function stop() {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    label();
    report(index);
  }

  function advance() {
    timer = setTimeout(advance, pause);
    show(index + 1);
    if (index === last) stop();
  }

  button.onclick = () => {
    if (timer !== null) return stop();
    if (calm.matches) {
      show(index === last ? 0 : index + 1);
      return report(index);
    }
    timer = setTimeout(advance, pause);
    show(index === last ? 0 : index);
  };
  slider.oninput = () => {
    clearTimeout(timer);
    timer = null;
    show(Number(slider.value));
  };
  slider.onchange = () => report(index);

  return {
    go,
    playing: () => timer !== null,
    leave: () => {
      clearTimeout(timer);
      resized.disconnect();
    },
  };
}

function stepText(data, index) {
  const score = data.scores[index];
  const told = score === null ? "not computed" : score.toFixed(2);
  return `step ${data.steps[index].toLocaleString("en")} · ${data.score} ${told}`;
}

function drawCurve(canvas, data, index, scale) {
  const dense = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * dense;
  canvas.height = height * dense;
  const context = canvas.getContext("2d");
  context.scale(dense, dense);
  const known = data.scores.filter((score) => score !== null);
  const [low, high] = [Math.min(0, ...known), Math.max(0.1, ...known)];
  const x = (i) => MARGIN + ((width - 2 * MARGIN) * i) / Math.max(1, data.steps.length - 1);
  const y = (score) => height - 4 - ((height - 8) * (score - low)) / (high - low);
  context.strokeStyle = context.fillStyle = data.colour;
  context.lineWidth = 2;
  context.beginPath();
  data.scores.forEach((score, i) => {
    if (score === null) return;
    if (i && data.scores[i - 1] !== null) context.lineTo(x(i), y(score));
    else context.moveTo(x(i), y(score));
  });
  context.stroke();
  context.fillStyle = `rgb(${scale.ink.join(" ")})`;
  context.fillRect(x(index) - 0.5, 0, 1, height);
  if (data.scores[index] === null) return;
  context.beginPath();
  context.arc(x(index), y(data.scores[index]), 4, 0, 7);
  context.fill();
}
