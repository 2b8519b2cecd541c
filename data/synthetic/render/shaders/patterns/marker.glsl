void paint(inout Surface s) { s.unlit = true; }
