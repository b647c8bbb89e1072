"""The one exception that stands for a user's mistake or a condition that the user can mend."""


class UserError(Exception):
    """Bad input or an unmet condition; the message is one clear sentence with the cause and the remedy.

    The command line prints the message alone and exits with code 2; a page shows it in an error box;
    a job stores it in its status. Anything else that escapes is a fault of the program (exit code 1).
    """
