"""The portal: what a person sees at the gateway's address. Server-rendered pages, clients of the features' services.

No logic of its own: a page reads through the same services as the control API and changes through them, so that a page
and a script can never disagree. `frame` has what all pages share, `components` the design system, one folder per page.
"""
