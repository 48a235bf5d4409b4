"""The dashboard and the recipient's page: server-rendered HTML above the control plane (reference: ui).

A page asks operations of the control plane and the API for what it shows, in this process, and a form sends
one operation. So the pages have no rules of their own. Nothing in this package is imported before the first
page is requested.
"""
