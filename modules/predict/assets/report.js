'use strict';
// Draws a report. Coordinates in the data are right, forward, up in mm from the scene's origin; three.js has y up.
const D = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const J = D.joints.length, ROWS = D.rows.length, NONE = -32768;
const joints = { smooth: new Int16Array(bytes(D.positions)), raw: new Int16Array(bytes(D.raw || D.positions)) };
const errors = new Uint16Array(bytes(D.errors));
const PEOPLE = D.colours, css = (c) => `rgb(${c.join(',')})`, colour = (person) => PEOPLE[person % PEOPLE.length];
const people = [...new Set(D.rows.map((row) => row.person))].sort((a, b) => a - b);
const hidden = new Set();
const found = (row) => joints.smooth[row * J * 3] !== NONE;
const at = (row, joint, of = 'smooth') => joints[of].subarray((row * J + joint) * 3, (row * J + joint) * 3 + 3);
const index = Object.fromEntries(D.joints.map((name, i) => [name, i]));
const rowsOf = D.frames.map(() => []);
D.rows.forEach((row, i) => rowsOf[row.frame].push(i));
const hasTime = D.frames.every((frame) => frame.time !== null);
const when = (i) => (hasTime ? D.frames[i].time : D.frames[i].index);
let current = 0, playing = null;

// ---- the scene
let redraw = () => {}, fit = () => {};
function makeScene() {
  const canvas = $('scene'), T = THREE;
  const renderer = new T.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
  const scene = new T.Scene(), eye = new T.PerspectiveCamera(45, 1, 10, 200000);
  scene.background = new T.Color(0x101216);
  const controls = new T.OrbitControls(eye, canvas);
  const v = (p) => new T.Vector3(p[0], p[2], -p[1]);
  scene.add(new T.AmbientLight(0xffffff, 1.6));
  const sun = new T.DirectionalLight(0xffffff, 1.6); sun.position.set(2, 5, 3); scene.add(sun);
  const lines = (points, hex, opacity = 1) => {
    const geometry = new T.BufferGeometry();
    geometry.setAttribute('position', new T.Float32BufferAttribute(points.flatMap((p) => v(p).toArray()), 3));
    return new T.LineSegments(geometry, new T.LineBasicMaterial({ color: hex, transparent: true, opacity }));
  };
  if (D.has_floor) {
    const n = Math.ceil(D.reach / 500), grid = [];
    for (let i = -n; i <= n; i++) grid.push([i * 500, -n * 500, 0], [i * 500, n * 500, 0], [-n * 500, i * 500, 0], [n * 500, i * 500, 0]);
    scene.add(lines(grid, 0x5a6070, 0.8));
  }
  const axes = [[1, 0xff6060], [2, 0x6cc46c], [3, 0x6aa0ff]].map(([k, hex]) => lines([D.axes[0], D.axes[k]], hex));
  axes.forEach((axis) => scene.add(axis));
  // The camera: its pyramid, with the picture on its end.
  const rig = new T.Group(); scene.add(rig);
  const [c, ...corners] = D.frustum;
  rig.add(lines(corners.flatMap((p, i) => [c, p, p, corners[(i + 1) % 4]]), 0xffbe3c));
  const plane = new T.BufferGeometry();
  plane.setAttribute('position', new T.Float32BufferAttribute([0, 3, 1, 1, 3, 2].flatMap((i) => v(corners[i]).toArray()), 3));
  plane.setAttribute('uv', new T.Float32BufferAttribute([0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0], 2));
  const photo = $('photo'), board = document.createElement('canvas');
  const texture = new T.CanvasTexture(board); texture.colorSpace = T.SRGBColorSpace;
  // People are drawn over the picture, also from the camera's own place, where it is in front of them.
  const screen = new T.Mesh(plane, new T.MeshBasicMaterial({ map: texture, side: T.DoubleSide, transparent: false, depthWrite: false }));
  screen.renderOrder = -1; rig.add(screen);
  photo.addEventListener('load', () => {
    board.width = photo.naturalWidth; board.height = photo.naturalHeight; board.getContext('2d').drawImage(photo, 0, 0);
    texture.dispose(); texture.needsUpdate = true; paint();
  });
  // Joints, bones and halos: enough for the fullest image.
  const most = Math.max(1, ...rowsOf.map((rows) => rows.length));
  const lit = (options = {}) => new T.MeshLambertMaterial({ color: 0xffffff, ...options });
  const mesh = (geometry, count, material) => { const m = new T.InstancedMesh(geometry, material, count); m.frustumCulled = false; scene.add(m); return m; };
  const balls = mesh(new T.SphereGeometry(1, 14, 10), most * J, lit());
  const sticks = mesh(new T.CylinderGeometry(1, 1, 1, 10), most * D.edges.length, lit());
  const halos = mesh(new T.SphereGeometry(1, 18, 12), most * J, lit({ transparent: true, opacity: 0.13, depthWrite: false }));
  const matrix = new T.Matrix4(), turn = new T.Quaternion(), upwards = new T.Vector3(0, 1, 0), still = new T.Quaternion();
  const paths = new T.Group(); scene.add(paths);
  function drawPaths() {
    paths.clear();
    if (!hasTime) return; // separate images: nobody has moved
    for (const person of people) {
      if (hidden.has(person)) continue;
      const points = []; let last = -1;
      D.rows.forEach((row, i) => {
        if (row.person !== person || !found(i)) return;
        if (last >= 0 && row.frame - D.rows[last].frame < 10) points.push([...at(last, 0).slice(0, 2), 5], [...at(i, 0).slice(0, 2), 5]);
        last = i;
      });
      const c = colour(person); paths.add(lines(points, (c[0] << 16) + (c[1] << 8) + c[2], 0.8));
    }
  }
  redraw = (changed) => {
    if (changed) drawPaths();
    const of = $('raw').checked ? 'raw' : 'smooth';
    let ball = 0, stick = 0;
    for (const row of rowsOf[current]) {
      if (!found(row) || hidden.has(D.rows[row].person)) continue;
      const points = D.joints.map((_, joint) => v(at(row, joint, of)));
      const tint = new T.Color(css(colour(D.rows[row].person)));
      points.forEach((point, joint) => {
        const side = new T.Color(css(D.sides[joint]));
        matrix.compose(point, still, new T.Vector3(22, 22, 22)); balls.setMatrixAt(ball, matrix); balls.setColorAt(ball, side);
        const r = Math.max(errors[row * J + joint], 1);
        matrix.compose(point, still, new T.Vector3(r, r, r)); halos.setMatrixAt(ball, matrix); halos.setColorAt(ball, tint);
        ball++;
      });
      for (const [a, b] of D.edges) {
        const d = points[b].clone().sub(points[a]), length = Math.max(d.length(), 1);
        turn.setFromUnitVectors(upwards, d.divideScalar(length));
        matrix.compose(points[a].clone().add(points[b]).multiplyScalar(0.5), turn, new T.Vector3(15, length, 15));
        sticks.setMatrixAt(stick, matrix); sticks.setColorAt(stick, new T.Color(css(D.sides[b]))); stick++;
      }
    }
    for (const [m, count] of [[balls, ball], [halos, ball], [sticks, stick]]) {
      m.count = count; m.instanceMatrix.needsUpdate = true; if (m.instanceColor) m.instanceColor.needsUpdate = true;
    }
    halos.visible = $('halo').checked; rig.visible = $('frustum').checked; paths.visible = $('path').checked;
    axes.forEach((axis) => { axis.visible = $('frustum').checked; });
    paint();
  };
  const middle = v([0, 0, 900]), far = D.reach * 2.6;
  function look(from, target = middle) { eye.position.copy(from); controls.target.copy(target); controls.update(); paint(); }
  $('view-side').onclick = () => look(v([far, 0, 1200]));
  $('view-top').onclick = () => look(v([0, -1, far]));
  $('view-camera').onclick = () => look(v(c), v(D.look_at));
  controls.addEventListener('change', paint);
  function paint() { renderer.render(scene, eye); }
  fit = () => {
    const box = canvas.parentElement.getBoundingClientRect();
    renderer.setPixelRatio(Math.min(devicePixelRatio, 2)); renderer.setSize(box.width, box.height, false);
    eye.aspect = box.width / box.height; eye.updateProjectionMatrix(); paint();
  };
  // Both the people and the camera, unless it is far away.
  const between = middle.clone().lerp(v(c), Math.min(0.4, 2500 / middle.distanceTo(v(c))));
  const away = Math.max(far, 1.05 * Math.min(middle.distanceTo(v(c)), 7000));
  look(v([away * 0.85, -away * 0.35, away * 0.45]).add(between), between);
}

// ---- the picture beside it
function showPicture() {
  let best = null;
  for (const picture of D.pictures) if (best === null || Math.abs(picture.frame - current) < Math.abs(best.frame - current)) best = picture;
  const frame = D.frames[current];
  let text = frame.name + (hasTime ? '' : ` (image ${frame.index})`);
  if (best) {
    if ($('photo').dataset.frame !== String(best.frame)) { $('photo').src = best.jpeg; $('photo').dataset.frame = best.frame; }
    if (best.frame !== current) text += ` – the picture is of ${label(best.frame)}`;
  }
  const warnings = rowsOf[current].map((row) => D.rows[row].warnings).filter(Boolean);
  $('caption').textContent = text + (warnings.length ? ` – ${[...new Set(warnings)].join('; ')}` : '');
}
const label = (i) => (hasTime ? `${D.frames[i].time.toFixed(2)} s` : `image ${D.frames[i].index}`);

// ---- charts
const joint = (row, name) => at(row, index[name]);
const angle = (row, a, b, c) => {
  const [p, q, r] = [a, b, c].map((name) => joint(row, name)), u = [0, 1, 2].map((k) => p[k] - q[k]), w = [0, 1, 2].map((k) => r[k] - q[k]);
  const dot = u.reduce((sum, x, k) => sum + x * w[k], 0);
  return (Math.acos(Math.max(-1, Math.min(1, dot / (Math.hypot(...u) * Math.hypot(...w) || 1)))) * 180) / Math.PI;
};
const CHARTS = [
  ['height of the head (m)', (row) => joint(row, 'head')[2] / 1000],
  ['speed of the pelvis (m/s)', null],
  ['knee angles, left solid, right dashed (degrees)', (row) => angle(row, 'left_hip', 'left_knee', 'left_ankle'), (row) => angle(row, 'right_hip', 'right_knee', 'right_ankle')],
  ['elbow angles, left solid, right dashed (degrees)', (row) => angle(row, 'left_shoulder', 'left_elbow', 'left_wrist'), (row) => angle(row, 'right_shoulder', 'right_elbow', 'right_wrist')],
  ['expected error, mean of the joints (mm)', (row) => { let sum = 0; for (let j = 0; j < J; j++) sum += errors[row * J + j]; return sum / J; }],
];
const decimals = (step) => Math.max(0, Math.min(3, Math.ceil(-Math.log10(step || 1)))); // so that ticks differ
const drawers = [];
function speedOf(rows) {
  return rows.map((row, k) => {
    let a = k, b = k;
    while (a > 0 && when(D.rows[row].frame) - when(D.rows[rows[a]].frame) < 0.08) a--;
    while (b < rows.length - 1 && when(D.rows[rows[b]].frame) - when(D.rows[row].frame) < 0.08) b++;
    const seconds = when(D.rows[rows[b]].frame) - when(D.rows[rows[a]].frame), p = at(rows[a], 0), q = at(rows[b], 0);
    return seconds > 0 && seconds < 1 ? Math.hypot(q[0] - p[0], q[1] - p[1], q[2] - p[2]) / 1000 / seconds : NaN;
  });
}
function makeCharts() {
  if (D.frames.length < 2) return;
  for (const [title, ...series] of CHARTS) {
    if (series[0] === null && !hasTime) continue;
    if (title.startsWith('expected') && !errors.some((e) => e > 0)) continue;
    const box = document.createElement('div'), heading = document.createElement('h3'), canvas = document.createElement('canvas');
    box.className = 'chart';
    const named = hasTime ? title : title.replace('left solid, right dashed', 'left full, right hollow');
    heading.textContent = D.has_floor || !title.startsWith('height') ? named : `${named}, over the lowest foot`;
    box.append(heading, canvas); $('charts').append(box);
    const curves = people.flatMap((person) => {
      const rows = D.rows.map((_, i) => i).filter((i) => D.rows[i].person === person && found(i));
      return series.map((f, dashed) => ({ person, dashed, rows, values: f ? rows.map(f) : speedOf(rows) }));
    });
    const values = curves.flatMap((curve) => curve.values).filter(Number.isFinite);
    let low = Infinity, high = -Infinity;
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    if (!values.length) { low = 0; high = 1; }
    const pad = (high - low) * 0.08 || 1; low -= pad; high += pad;
    const first = when(0), last = when(D.frames.length - 1);
    const still = document.createElement('canvas');
    const L = 42, B = 18;
    const X = (w, t) => L + ((t - first) / (last - first || 1)) * (w - L - 6), Y = (h, value) => 4 + ((high - value) / (high - low)) * (h - B - 4);
    const prepare = () => {
      const w = canvas.clientWidth, h = canvas.clientHeight, ratio = Math.min(devicePixelRatio, 2);
      for (const one of [canvas, still]) { one.width = w * ratio; one.height = h * ratio; }
      const g = still.getContext('2d'); g.scale(ratio, ratio); g.font = '11px system-ui, sans-serif';
      g.strokeStyle = '#353943'; g.fillStyle = '#9a9da6';
      for (let k = 0; k <= 3; k++) {
        const value = low + ((high - low) * (k + 0.5)) / 4, y = Y(h, value);
        g.beginPath(); g.moveTo(L, y); g.lineTo(w - 6, y); g.stroke(); g.fillText(value.toFixed(decimals((high - low) / 4)), 2, y + 4);
      }
      for (let k = 0; k <= 4; k++) { const t = first + ((last - first) * k) / 4; g.fillText(hasTime ? `${t.toFixed(decimals((last - first) / 4))} s` : t.toFixed(0), Math.min(X(w, t), w - 30), h - 4); }
      for (const curve of curves) {
        if (hidden.has(curve.person)) continue;
        g.strokeStyle = css(colour(curve.person)); g.lineWidth = 1.5; g.setLineDash(curve.dashed && hasTime ? [5, 4] : []); g.beginPath();
        let before = -10;
        curve.values.forEach((value, k) => {
          const frame = D.rows[curve.rows[k]].frame;
          if (!Number.isFinite(value)) { before = -10; return; }
          const x = X(w, when(frame)), y = Y(h, value);
          if (!hasTime) { const side = curve.dashed ? 6 : 2; g.rect(x - side / 2, y - side / 2, side, side); return; } // nothing lies between separate images
          g[frame - before > 1 ? 'moveTo' : 'lineTo'](x, y); before = frame;
        });
        g.stroke();
      }
    };
    const draw = () => {
      const g = canvas.getContext('2d'), ratio = Math.min(devicePixelRatio, 2), x = X(canvas.clientWidth, when(current)) * ratio;
      g.clearRect(0, 0, canvas.width, canvas.height); g.drawImage(still, 0, 0);
      g.strokeStyle = '#ffbe3c'; g.beginPath(); g.moveTo(x, 0); g.lineTo(x, canvas.height - B * ratio); g.stroke();
    };
    canvas.onpointerdown = canvas.onpointermove = (event) => {
      if (event.type === 'pointermove' && !event.buttons) return;
      const box = canvas.getBoundingClientRect(), t = first + ((event.clientX - box.left - L) / (box.width - L - 6)) * (last - first);
      let best = 0; D.frames.forEach((_, i) => { if (Math.abs(when(i) - t) < Math.abs(when(best) - t)) best = i; });
      show(best);
    };
    drawers.push({ prepare, draw });
  }
}

// ---- warnings, people, time
function makeWarnings() {
  const body = document.querySelector('#warnings tbody'), spans = [];
  D.rows.forEach((row) => {
    if (!row.warnings) return;
    for (const reason of row.warnings.split('; ')) {
      const same = reason.replace(/[\d.]+/g, '#'), last = spans.findLast((span) => span.same === same && span.person === row.person);
      if (last && row.frame - last.end <= 2) { last.end = row.frame; last.reasons.add(reason); } else spans.push({ same, person: row.person, start: row.frame, end: row.frame, reasons: new Set([reason]) });
    }
  });
  spans.sort((a, b) => a.start - b.start);
  for (const span of spans.slice(0, 400)) {
    const line = body.insertRow(), place = line.insertCell(), why = line.insertCell();
    place.textContent = span.start === span.end ? label(span.start) : `${label(span.start)} to ${label(span.end)}`;
    place.onclick = () => { show(span.start); scrollTo({ top: 0, behavior: 'smooth' }); };
    const reasons = [...span.reasons];
    why.textContent = (people.length > 1 ? `person ${span.person}: ` : '') + (reasons.length > 1 ? `${reasons[0]} and similar` : reasons[0]);
  }
  const note = (text) => { const cell = body.insertRow().insertCell(); cell.className = 'note'; cell.textContent = text; };
  if (!spans.length) note('nowhere'); else if (spans.length > 400) note( `and ${spans.length - 400} more: see the column warnings in poses.csv`);
}
function makePeople() {
  if (people.length < 2) return;
  for (const person of people) {
    const rows = D.rows.filter((row, i) => row.person === person && found(i));
    if (!rows.length) continue;
    const box = document.createElement('label'), check = document.createElement('input'), dot = document.createElement('span');
    check.type = 'checkbox'; check.checked = true; dot.className = 'swatch'; dot.style.background = css(colour(person));
    check.onchange = () => { if (check.checked) hidden.delete(person); else hidden.add(person); drawers.forEach((one) => one.prepare()); show(current, true); };
    box.append(check, dot, `person ${person}, ${label(rows[0].frame)} to ${label(rows[rows.length - 1].frame)}, in ${rows.length} images`); $('people').append(box);
  }
}
function show(frame, changed = false) {
  current = Math.max(0, Math.min(D.frames.length - 1, frame));
  $('scrub').value = current; $('now').textContent = `${label(current)}   (${current + 1} of ${D.frames.length})`;
  showPicture(); drawers.forEach((one) => one.draw()); redraw(changed);
}
function play() {
  if (playing) { clearTimeout(playing); playing = null; $('play').textContent = '▶'; return; }
  if (current >= D.frames.length - 1) show(0);
  $('play').textContent = '❚❚';
  const began = performance.now(), from = current;
  const step = () => {
    const t = (performance.now() - began) / 1000;
    let next = current;
    if (hasTime) while (next < D.frames.length - 1 && when(next + 1) - when(from) <= t) next++; else next = from + Math.floor(t * 4);
    if (next !== current) show(next);
    if (current >= D.frames.length - 1) { playing = null; $('play').textContent = '▶'; return; }
    playing = setTimeout(step, 16);
  };
  playing = setTimeout(step, 16);
}
$('scrub').max = D.frames.length - 1;
$('scrub').oninput = () => show(Number($('scrub').value));
$('play').onclick = play;
for (const id of ['halo', 'frustum', 'path', 'raw']) $(id).onchange = () => redraw(false);
$('raw-label').hidden = !D.raw;
$('path-label').hidden = !hasTime;
$('about').textContent = D.about; $('origin').textContent = D.origin;
if (D.frames.length < 2) $('time').hidden = true;
makePeople(); makeCharts(); makeWarnings();
try { makeScene(); } catch (error) { $('world').textContent = `The 3D view needs WebGL, which this browser does not offer (${error.message}).`; }
addEventListener('resize', () => { fit(); drawers.forEach((one) => one.prepare()); show(current); });
addEventListener('keydown', (event) => {
  if (event.target.tagName === 'INPUT' && event.target.type === 'range') return;
  if (event.key === 'ArrowRight') show(current + 1); else if (event.key === 'ArrowLeft') show(current - 1);
  else if (event.key === ' ') { event.preventDefault(); play(); }
});
drawers.forEach((one) => one.prepare()); fit(); show(0, true);
document.body.dataset.ready = 'yes';
