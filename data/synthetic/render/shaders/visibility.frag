// At half the resolution: visibility of the surroundings (r) and of two lamps (g, b) from a point; a is its z in metres.
// Ambient occlusion after McGuire et al. 2011 (the Alchemy estimator); soft shadows after Fernando 2005 (PCSS).
uniform sampler2D z_map;
uniform sampler2D normal_map;
uniform sampler2D lamp_map_0;
uniform sampler2D lamp_map_1;
uniform mat4 lamp_clip[2];
uniform vec3 lamp_towards[2];
uniform vec4 lamp_size[2];  // mm across, mm deep, tan of half its width, 1 where it casts shadows
uniform mat3 pixel2ray;     // K^-1
uniform mat3 cam2world;
uniform vec3 eye;
uniform ivec2 last;         // the last column and row
out vec4 seen;

const int AO_TAPS = 12, BLOCKER_TAPS = 7, SHADOW_TAPS = 10;
const float GOLDEN = 2.39996323;

vec3 world_at(ivec2 pixel, float z) { return cam2world * (pixel2ray * vec3(vec2(pixel), 1.0)) * z + eye; }

float openness(vec3 p, vec3 n, ivec2 pixel, float z, float turn) {
    float focal = 1.0 / pixel2ray[0][0], sum = 0.0;
    for (int i = 0; i < AO_TAPS; i++) {
        float reach = 14.0 * pow(50.0, (float(i) + fract(turn * 3.7)) / float(AO_TAPS));  // 14 to 700 mm
        float angle = float(i) * GOLDEN + turn * 6.2831853;
        vec2 offset = vec2(cos(angle), sin(angle)) * clamp(reach * focal / z, 1.5, 500.0);
        ivec2 there = clamp(pixel + ivec2(round(offset)), ivec2(0), last);
        float z_there = texelFetch(z_map, there, 0).r;
        vec3 v = world_at(there, z_there) - p;
        float far = length(v) + 1e-3;
        float facing = max(dot(v, n) / far - 0.06, 0.0);
        float near = clamp(1.6 - far / (1.3 * reach + 60.0), 0.0, 1.0);
        sum += facing * near * (z_there > 0.0 ? 1.0 : 0.0);
    }
    return pow(clamp(1.0 - 1.6 * sum / float(AO_TAPS), 0.0, 1.0), 1.25);
}

float lit(sampler2D map, int lamp, vec3 p, vec3 n, float turn) {
    float facing = dot(n, lamp_towards[lamp]);
    if (lamp_size[lamp].w < 0.5) return 1.0;
    float across = lamp_size[lamp].x, deep = lamp_size[lamp].y, spread = lamp_size[lamp].z;
    float texel = across / float(textureSize(map, 0).x);
    vec3 here = (lamp_clip[lamp] * vec4(p + n * (1.2 * texel + 1.0), 1.0)).xyz * 0.5 + 0.5;
    if (any(greaterThan(abs(here.xy - 0.5), vec2(0.497))) || here.z > 0.999) return facing > 0.0 ? 1.0 : 0.0;
    // The receiver's own plane, so that a wide kernel does not shade a flat floor with itself.
    vec3 plane = mat3(lamp_clip[lamp]) * n;
    plane *= vec3(across, across, deep);
    vec2 slope = -plane.xy / (sign(plane.z) * max(abs(plane.z), 0.15 * length(plane))) * (across / deep);
    float search = clamp(spread * 700.0, 2.0 * texel, 250.0) / across;
    float count = 0.0, sum = 0.0;
    for (int i = 0; i < BLOCKER_TAPS; i++) {
        float angle = float(i) * GOLDEN + turn * 6.2831853;
        vec2 o = vec2(cos(angle), sin(angle)) * sqrt((float(i) + 0.5) / float(BLOCKER_TAPS)) * search;
        float blocker = textureLod(map, here.xy + o, 0.0).r;
        float mine = here.z + dot(slope, o) - 1.0 / deep;
        if (blocker < mine) { count += 1.0; sum += mine - blocker; }
    }
    float gap = count > 0.0 ? sum / count * deep : 0.0;
    float radius = clamp(spread * gap, 1.4 * texel, 250.0) / across;
    float light = 0.0;
    for (int i = 0; i < SHADOW_TAPS; i++) {
        float angle = float(i) * GOLDEN + turn * 6.2831853 + 1.0;
        vec2 o = vec2(cos(angle), sin(angle)) * sqrt((float(i) + 0.5) / float(SHADOW_TAPS)) * radius;
        light += textureLod(map, here.xy + o, 0.0).r < here.z + dot(slope, o) - 1.0 / deep ? 0.0 : 1.0;
    }
    return facing > 0.0 ? light / float(SHADOW_TAPS) : 0.0;
}

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy), pixel = cell * 2;
    float z = texelFetch(z_map, pixel, 0).r;
    if (z <= 0.0) { seen = vec4(1.0, 1.0, 1.0, 1e4); return; }
    vec3 n = normalize(texelFetch(normal_map, pixel, 0).xyz * 2.0 - 1.0);
    vec3 p = world_at(pixel, z);
    int order = ((cell.x & 3) * 4 + (cell.y & 3)) * 7 & 15;  // 16 turns of the kernel in every 4x4 block
    float turn = (float(order) + 0.5) / 16.0;
    seen = vec4(openness(p, n, pixel, z, turn), lit(lamp_map_0, 0, p, n, turn), lit(lamp_map_1, 1, p, n, turn), z * 1e-3);
}
