// The light that a surface sends to the camera: Lambert with a soft wrap for skin, GGX (Walter et al. 2007) with
// Schlick's Fresnel, a hemisphere of ambient light, and what `paint` of the material's pattern makes of it.
const int LAMPS = 4, FILLS = 3;
uniform vec3 lamp_towards[LAMPS];
uniform vec3 lamp_light[LAMPS];
uniform vec3 fill_place[FILLS];
uniform vec3 fill_light[FILLS];
uniform float fill_reach[FILLS];
uniform vec3 sky_light;
uniform vec3 ground_light;
uniform float haze_mm;
uniform sampler2D seen_map;
uniform vec4 camera_z;
uniform ivec2 last;

float specular(vec3 n, vec3 v, vec3 l, float rough) {
    vec3 h = normalize(v + l);
    float a = rough * rough, a2 = a * a, nh = max(dot(n, h), 0.0);
    float d = nh * nh * (a2 - 1.0) + 1.0;
    float nl = max(dot(n, l), 0.0), nv = max(dot(n, v), 0.05), k = 0.5 * a + 0.05;
    return min(a2 / (12.566 * d * d) * nl / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k)), 8.0);
}

vec3 seen_here() {  // the half-resolution visibility, from those neighbours that lie on this surface
    float z = dot(camera_z, vec4(position, 1.0)) * 1e-3, weights = 1e-6;
    vec2 at = (gl_FragCoord.xy - 0.5) * 0.5, f = fract(at);
    ivec2 base = ivec2(at);
    vec3 sum = vec3(1e-6);
    for (int i = 0; i < 4; i++) {
        ivec2 step = ivec2(i & 1, i >> 1);
        vec4 there = texelFetch(seen_map, min(base + step, last), 0);
        vec2 w = mix(1.0 - f, f, vec2(step));
        float off = (there.a - z) / (0.01 * z + 0.004);
        float weight = (w.x * w.y + 0.01) / (1.0 + off * off * off * off);
        sum += weight * there.rgb;
        weights += weight;
    }
    return sum / weights;
}

vec3 bumped(vec3 n, float height) {  // Mikkelsen 2010: bump mapping of an unparametrised surface
    vec3 px = dFdx(position), py = dFdy(position);
    vec3 rx = cross(py, n), ry = cross(n, px);
    float det = dot(px, rx);
    vec3 gradient = sign(det) * (dFdx(height) * rx + dFdy(height) * ry);
    float size = length(gradient), most = 0.7 * abs(det);
    return normalize(abs(det) * n - gradient * min(1.0, most / max(size, 1e-9)));
}

void main() {
    vec3 n = normalize(normal + vec3(0.0, 0.0, 1e-9)) * (gl_FrontFacing ? 1.0 : -1.0);
    Surface s = Surface(texture_mm, 0.0, colours[0], 0.0, roughness, 0.04, 0.0, 0.0, false);
    s.px = max(length(dFdx(texture_mm)), length(dFdy(texture_mm)));
    paint(s);
    s.albedo *= max(tint, 0.0);  // at an edge it is taken beyond the triangle
    if (s.unlit) { colour = vec4(s.albedo, 1.0); return; }
    vec3 v = normalize(eye - position);
    n = bumped(n, s.height * bump);
    n = normalize(n + v * max(0.0, 0.05 - dot(n, v)));  // no normal that looks away: it would glitter at the rim
    vec3 seen = seen_here();
    float open = seen.r;
    vec3 f0 = mix(vec3(s.gloss), s.albedo, s.metal), body = s.albedo * (1.0 - s.metal);
    float grazing = pow(clamp(1.0 - dot(n, v), 0.0, 1.0), 5.0);
    vec3 fresnel = f0 + (max(vec3(1.0 - s.rough), f0) - f0) * grazing;
    vec3 around = mix(ground_light, sky_light, 0.5 + 0.5 * n.z);
    vec3 mirror = reflect(-v, n);
    vec3 mirrored = mix(ground_light, sky_light, smoothstep(-0.4 - s.rough, 0.4 + s.rough, mirror.z));
    vec3 opened = open + s.albedo * open * (1.0 - open);  // light that bounces within a bright corner
    vec3 sum = body * around * opened + fresnel * mirrored * open * (1.0 - 0.6 * s.rough);
    for (int i = 0; i < LAMPS; i++) {
        vec3 l = lamp_towards[i];
        float through = i == 0 ? seen.g : i == 1 ? seen.b : open;
        vec3 facing = vec3(max(dot(n, l), 0.0));
        if (s.wrap > 0.0) {  // light that enters the skin comes out redder and further round
            vec3 w = s.wrap * vec3(1.0, 0.45, 0.3);
            facing = max((dot(n, l) + w) / (1.0 + w), 0.0);
            facing = mix(facing, facing * facing, 0.25);
        }
        sum += lamp_light[i] * through * (body * facing + fresnel * specular(n, v, l, s.rough));
    }
    for (int i = 0; i < FILLS; i++) {
        vec3 to = fill_place[i] - position;
        float far2 = dot(to, to), reach2 = fill_reach[i] * fill_reach[i];
        vec3 l = to * inversesqrt(far2 + 1.0);
        sum += fill_light[i] * (reach2 / (reach2 + far2)) * open * body * (0.5 + 0.5 * dot(n, l));
    }
    sum = mix(sky_light * 1.4, sum, exp(-length(eye - position) / haze_mm));
    colour = vec4(clamp(sum, 0.0, 30.0), 1.0);
}
