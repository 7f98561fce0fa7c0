"""Audits of a real experiment: is the result real, and is it more than luck?"""

from jaxexit.truth.audit.finding import Finding, Severity
from jaxexit.truth.audit.run import CHECKS, audit_inputs, audit_version
from jaxexit.truth.audit.subject import Inputs, Subject, make_inputs, make_subject

__all__ = [
    "CHECKS",
    "Finding",
    "Inputs",
    "Severity",
    "Subject",
    "audit_inputs",
    "audit_version",
    "make_inputs",
    "make_subject",
]
