"""When and where: order, files, options and runners."""
