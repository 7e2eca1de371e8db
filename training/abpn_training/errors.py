"""What a user can set right."""


class UserError(Exception):
    """Names the thing that is wrong, why, and what to do; printed without a traceback."""
