// A repeated ornament in the plane x, y, between broad stripes.
void paint(inout Surface s) {
    vec2 at = s.p.xy / scale;
    at.y += 0.5 * mod(floor(at.x), 2.0);
    vec2 q = fract(at) - 0.5;
    float soft = 0.04 + 2.0 * s.px / scale, far = length(q * vec2(1.3, 0.9)) + 0.07 * cos(5.0 * atan(q.y, q.x));
    float leaf = 1.0 - smoothstep(0.04 - soft, 0.04 + soft, abs(far - 0.3));
    float band = pulses(0.5 * s.p.x / scale, 0.5, 0.5 * s.px / scale);
    s.albedo = mix(colours[0], colours[1], 0.25 * band + 0.45 * mix(0.3, leaf, fade(0.5 * scale, s.px)));
    s.albedo *= 1.0 + 0.03 * fbm(s.p, 900.0, s.px, seed);
    s.height = 0.3 * leaf;
}
