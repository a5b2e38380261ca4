"""What a person tells the service about themselves, so that the helpdesk can know them."""

FACTS = {"What was the name of your first school?": "St. Mary's", "In which town were you born?": "York", "What was your first car?": "Mini"}

# All that are asked where permissions.yaml names none, in their order.
QUESTIONS = (
    "In which town were you born?",
    "What is the middle name of your oldest cousin?",
    "What was the name of your first pet?",
    "What was the name of your first school?",
    "What was your first car?",
    "What was your first job?",
    "Which was the first street that you lived in?",
    "Who was your favourite teacher?",
)


def typed_facts():
    """The lines that `postern user facts` is given after the password."""
    return [FACTS.get(question, "") for question in QUESTIONS]
