SELECT number FROM version
