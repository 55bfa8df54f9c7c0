"""jupyterhub-singleuser, without what is imported for the hub's sake; run by the environment's own Python."""

from installer.hub.server import main

main()
