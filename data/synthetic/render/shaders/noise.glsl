// Noise and filtered line work that every pattern is made of. Lengths are mm; `px` is how much one pixel covers.

float hash(ivec3 cell, uint seed) {  // 0 to 1, the same for the same cell
    uint h = uint(cell.x) * 0x8da6b343u ^ uint(cell.y) * 0xd8163841u ^ uint(cell.z) * 0xcb1ab31fu ^ seed * 0x9e3779b9u;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return float((h ^ (h >> 15)) >> 8) * (1.0 / 16777216.0);
}

float noise(vec3 p, uint seed) {  // value noise, -1 to 1, one cell per unit
    vec3 whole = floor(p), f = p - whole;
    ivec3 c = ivec3(whole);
    f = f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
    vec4 low = vec4(hash(c, seed), hash(c + ivec3(1, 0, 0), seed), hash(c + ivec3(0, 1, 0), seed), hash(c + ivec3(1, 1, 0), seed));
    c.z += 1;
    vec4 high = vec4(hash(c, seed), hash(c + ivec3(1, 0, 0), seed), hash(c + ivec3(0, 1, 0), seed), hash(c + ivec3(1, 1, 0), seed));
    vec4 z = mix(low, high, f.z);
    vec2 y = mix(z.xy, z.zw, f.y);
    return mix(y.x, y.y, f.x) * 2.0 - 1.0;
}

// How much of a detail of `size` is left where a pixel covers `px`: nothing once it cannot be drawn without moire.
float fade(float size, float px) { return clamp(2.0 - 4.0 * px / size, 0.0, 1.0); }

// Noise that is a little too fine only grows grainy, where a regular pattern would beat.
float fine(vec3 p, float size, float px, uint seed) { return fade(size, 0.6 * px) * noise(p / size, seed); }

float fbm(vec3 p, float size, float px, uint seed) {  // three octaves, about -1 to 1
    return 0.57 * fine(p, size, px, seed) + 0.29 * fine(p, size * 0.5, px, seed + 1u) + 0.14 * fine(p, size * 0.25, px, seed + 2u);
}

// A train of pulses of period 1, `duty` of it on, averaged exactly over a pixel of width `w`.
float pulses(float x, float duty, float w) {
    w = max(w, 1e-4);
    vec2 ends = vec2(x - 0.5 * w, x + 0.5 * w);
    vec2 sums = floor(ends) * duty + min(fract(ends), vec2(duty));
    return (sums.y - sums.x) / w;
}
