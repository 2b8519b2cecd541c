// A lamp's shade or tube: `bump` says how much brighter than white paper it is, in tens.
void paint(inout Surface s) {
    s.albedo *= 1.0 + 10.0 * bump;
    s.unlit = true;
}
