"""The gateway: passes verified requests on to a service that runs already, in any language, and keeps the contract in front of it."""
