// What a pattern's `paint` fills in.
struct Surface {
    vec3 p;        // where in the material, mm
    float px;      // mm of the material that one pixel covers
    vec3 albedo;   // linear
    float height;  // mm, for the bump
    float rough;
    float gloss;   // reflectance straight on: 0.04 for most of what is no metal
    float metal;
    float wrap;    // how far light creeps round the shadow's edge
    bool unlit;
};
uniform vec3 colours[4];
uniform float scale;
uniform float roughness;
uniform float bump;
uniform uint seed;
uniform vec3 eye;
in vec3 position;
in vec3 normal;
in vec3 texture_mm;
in vec3 tint;
out vec4 colour;

// The coordinate that runs round a standing body: x in front and behind, y at the sides.
float around(vec3 p) {
    vec3 n = abs(cross(dFdx(p), dFdy(p)));
    return n.x > 1.4 * n.y && n.x > n.z ? p.y : p.x;
}
