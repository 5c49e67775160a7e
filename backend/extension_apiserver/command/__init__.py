"""The program `extension-apiserver`: a module for each of its commands."""
