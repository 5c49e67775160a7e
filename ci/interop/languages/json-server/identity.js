// A middleware as json-server's users write them: it says in the answer who the service believes to speak with.
module.exports = (request, response, next) => {
  response.set("Seen-User", request.get("X-Remote-User") || "nobody");
  response.set("Seen-Headers", Object.keys(request.headers).join(" "));
  next();
};
