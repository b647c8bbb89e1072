"""Text found on the user's own machine: what the Python installation itself is made of.

Read are files below two folders of the interpreter that runs: its standard library and its installed packages
(`folders.installed`): sources, documentation strings, licences, descriptions, data files. Nothing else is looked
at, neither the home folder nor any document; links are not followed, hidden files are passed over, and so is what
an installer wrote about this machine. Text that is kept goes into the study's folder in the cache; nothing leaves
the machine.
"""
