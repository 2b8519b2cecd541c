"""Makes data sets. Each package writes its data set into its own folder, and `data.prepare` chooses among them.

In: the config's DATA.root, and sources from the network. Out: folders in the competition's layout.
"""

import modules  # noqa: F401  (first import: reports missing packages in one sentence)
