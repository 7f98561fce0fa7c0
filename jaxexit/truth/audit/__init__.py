"""Audits of a real experiment: is the result real, and is it more than luck?"""

from jaxexit.truth.audit.finding import Finding, Severity
from jaxexit.truth.audit.run import CHECKS, audit_version
from jaxexit.truth.audit.subject import Subject, make_subject

__all__ = ["CHECKS", "Finding", "Severity", "Subject", "audit_version", "make_subject"]
