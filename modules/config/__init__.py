"""The configuration: one typed schema, one YAML file, and `--set SECTION.key=value` on top.

In: a config file and assignments. Out: a frozen `Config`, whose keys are all known and whose values are all checked.
"""
