"""A trained policy as a short rule: thresholds over named numbers, played, compared, and written as code."""

from jaxexit.distil.code import LANGUAGES
from jaxexit.distil.run import Asked, code_of, distil_version

__all__ = ["LANGUAGES", "Asked", "code_of", "distil_version"]
