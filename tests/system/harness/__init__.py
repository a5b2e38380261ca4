"""What system tests and the demo are made of: a community around a running Postern, seen from outside.

Community        a copy of rules/ on free ports, its certificates, posternd itself, the postern command
CommunityTest    a test case with such a community, and the demo's addresses
MemberServer     a member's mail server that does what it is told, and keeps what it got
MemberClient     a member's mail server as a sender, command by command or a message at a time
PostfixMember    a private Postfix that plays a member's server, both ways
Standard library only.
"""
from .case import (
    ADMIN_INSIDE,
    CLERKS,
    CUSTODY,
    CUSTODY_INSIDE,
    ERIC,
    ERIC_INSIDE,
    LISTING,
    LISTING_INSIDE,
    OFFICE_INSIDE,
    SAFETY_INSIDE,
    CommunityTest,
)
from .certificates import Authority, Certificate
from .community import Community, DEMO, Member
from .member_client import MemberClient, Reply, make_message, swaks
from .member_server import MemberServer, Received
from .postfix_member import PostfixMember
from .tools import free_port, source_root, wait_until

__all__ = [
    "ADMIN_INSIDE",
    "CLERKS",
    "CUSTODY",
    "CUSTODY_INSIDE",
    "ERIC",
    "ERIC_INSIDE",
    "LISTING",
    "LISTING_INSIDE",
    "OFFICE_INSIDE",
    "SAFETY_INSIDE",
    "CommunityTest",
    "Authority",
    "Certificate",
    "Community",
    "DEMO",
    "Member",
    "MemberClient",
    "MemberServer",
    "PostfixMember",
    "Received",
    "Reply",
    "free_port",
    "make_message",
    "source_root",
    "swaks",
    "wait_until",
]
