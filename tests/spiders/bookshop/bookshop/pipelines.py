class BookshopPipeline:
    def process_item(self, item, spider=None):
        return item
