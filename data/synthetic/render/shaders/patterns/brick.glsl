// Courses of bricks in the plane x, y (y up); `scale` is a brick's length with its joint.
void paint(inout Surface s) {
    float course = 0.31 * scale, row = floor(s.p.y / course), x = s.p.x / scale + 0.5 * mod(row, 2.0);
    float joint = max(pulses(x, 0.045, s.px / scale), pulses(s.p.y / course, 0.14, s.px / course));
    float tone = hash(ivec3(int(floor(x)), int(row), 5), seed) - 0.5, rough = fbm(s.p, 18.0, s.px, seed);
    vec3 clay = mix(colours[0], colours[1], clamp(0.5 + 0.9 * tone * fade(course, s.px), 0.0, 1.0)) * (1.0 + 0.18 * rough);
    s.albedo = mix(clay, colours[2] * (1.0 + 0.1 * rough), joint);
    s.height = -5.0 * joint + 1.2 * rough;
}
